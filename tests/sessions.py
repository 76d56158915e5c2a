"""Sessions in the documentation: commands behind `$ `, each with what it prints, run in order in one folder.

`python -m tests.sessions README.md FOLDER` writes the outputs of a document anew, from a folder that holds `demo`.

Compared verbatim but for what depends on the machine: numbers before `ms`, `s` and `photos/s`, and those in the
parentheses of a search's timings, count as equal; lines of progress are left out; the current folder is `…`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_INDENT = "    "
_PROGRESS = re.compile(r"^(Drawing|Indexing|Embedding|Exporting): .*\n", re.MULTILINE)
_WAITS = re.compile(r"^[^\n]*…\n", re.MULTILINE)
_TIMES = re.compile(r"\d[\d.,]*(?= (?:ms|s|photos/s)\b)")
_STAGES = re.compile(r"\(embed [^)]*\)")


class Step(NamedTuple):
    """One command and what the document says that it prints; "" where it says nothing."""

    command: str
    output: str


def steps_of(text: str) -> list[Step]:
    """The sessions of a document, in order."""
    found: list[Step] = []
    is_open = False  # whether an indented line is the output of the command before it
    for line in text.splitlines():
        if line.startswith(f"{_INDENT}$ "):
            found.append(Step(line.removeprefix(f"{_INDENT}$ "), ""))
            is_open = True
        elif is_open and line.startswith(_INDENT):
            found[-1] = found[-1]._replace(output=f"{found[-1].output}{line.removeprefix(_INDENT)}\n")
        else:
            is_open = False
    return found


def run(step: Step, *, folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command of a session: its exit code, and all that it prints."""
    done = subprocess.run(
        step.command, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, _PROGRESS.sub("", done.stdout.decode()).replace(f"{folder.resolve()}/", "…/")


def environment(home: Path) -> dict[str, str]:
    """Of a user who has nothing yet, and has this environment's programs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOKALIKE_")}
    bin_folder = Path(sys.executable).parent
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home / "config")}
    return {**kept, **own, "PATH": f"{bin_folder}:{kept.get('PATH', '')}", "COLUMNS": "100"}


def same(said: str, printed: str) -> bool:
    """Whether a document's output is what was printed, but for what depends on the machine."""
    return normalised(said) == normalised(printed)


def normalised(text: str) -> str:
    """Without what depends on the machine: times, and what a slow one waits for."""
    text = _WAITS.sub("", text)
    return _TIMES.sub("N", _STAGES.sub(lambda stages: re.sub(r"\d+", "N", stages[0]), text))


def rewritten(text: str, *, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    """The lines of a document, with the outputs as they are now where it shows any."""
    steps, skipping = iter(steps_of(text)), False
    for line in text.splitlines():
        if line.startswith(f"{_INDENT}$ "):
            skipping = True
            yield line
            step = next(steps)
            _, printed = run(step, folder=folder, env=env)
            yield from (f"{_INDENT}{one}" for one in printed.splitlines() if step.output)
        elif not (skipping and line.startswith(_INDENT)):
            skipping = False
            yield line


if __name__ == "__main__":
    document, place = Path(sys.argv[1]), Path(sys.argv[2])
    lines = rewritten(document.read_text(), folder=place, env=environment(place / "home"))
    document.write_text("".join(f"{line}\n" for line in lines))
