"""The command line as users meet it: a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Bench, CannotRun
from benchmarks.photos import distinct_copies

COMMAND = Path(sys.executable).with_name("lookalike")
FILES = 10_000


def environment() -> dict[str, str]:
    """The user's, without settings that would change the defaults; the model cache stays."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LOOKALIKE_") or name == "LOOKALIKE_CACHE"
    }


def command_line(*arguments: str | Path) -> list[str]:
    """Program and arguments.

    Raises:
        CannotRun: when the command is not installed.
    """
    if not COMMAND.is_file():
        raise CannotRun(f"needs the command {COMMAND.name} beside this Python: pip install --editable .")
    return [str(COMMAND), *map(str, arguments)]


def ran(*arguments: str | Path) -> str:
    """Run the command to its end; gives its standard output.

    Raises:
        RuntimeError: when it fails.
    """
    done = subprocess.run(
        command_line(*arguments), env=environment(), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise RuntimeError(f"lookalike {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def ten_thousand(bench: Bench) -> tuple[Path, Path, int]:
    """A folder of 10,000 photos and its collection, made by the first question of a run that needs them.

    Returns:
        folder, collection, number of files.
    """
    folder, collection = bench.shared / "photos", bench.shared / "photos.lookalike"
    marker = bench.shared / "ten_thousand"
    if not marker.exists():
        command_line()
        bench.say("making a collection of 10,000 photos")
        count = distinct_copies(bench, folder, FILES)
        ran("index", folder, "-c", collection, "--json")
        marker.write_text(str(count))
    return folder, collection, int(marker.read_text())
