"""The sessions of the README and the tutorial, run in order on the demo's own files, in a fresh copy."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest

from lookalike.cli.main import program
from lookalike.cli.session import Session
from tests.bare_environment import ROOT
from tests.e2e.conftest import Outcome
from tests.sessions import Step, environment, run, same, steps_of

README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-steps.md").read_text()
STEPS = {
    "README": steps_of(README),
    "tutorial": [
        Step(line.split("/bin/", 1)[1], "") for line in TUTORIAL.splitlines() if line.startswith("    .venv/bin/")
    ],
}
NEEDED = {"--rerank local": "cv2", "--why": "cv2", ".parquet": "pyarrow"}
"""What a command shows that it needs an extra, and the library of that."""
CODES = {"index": 3}
"""Of commands that do not end with 0: one picture of the demo is broken on purpose."""

ALL = [(document, n) for document, steps in STEPS.items() for n in range(len(steps))]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


@pytest.fixture(scope="module")
def fresh(demo_made: tuple[Path, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which nobody has done anything yet but `make demo`."""
    place = tmp_path_factory.mktemp("user")
    shutil.copytree(demo_made[0] / "demo", place / "demo")
    return place


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize(
    ("document", "n"), ALL, ids=[f"{document} {STEPS[document][n].command[:50]}" for document, n in ALL]
)
def test_each_command_does_what_is_shown(document: str, n: int, fresh: Path, env: dict[str, str]) -> None:
    step = STEPS[document][n]
    for sign, library in NEEDED.items():
        if sign in step.command and importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}, of an extra")

    code, printed = run(step, folder=fresh, env=env)

    expected = CODES.get(shlex.split(step.command)[1], 0)
    assert code == expected, printed
    if step.output:
        assert same(step.output, printed), f"the document says\n{step.output}\nbut this was printed:\n{printed}"


def test_there_is_a_session_in_each_document() -> None:
    assert {document: len(steps) > 3 for document, steps in STEPS.items()} == {"README": True, "tutorial": True}
    assert sum(bool(step.output) for step in STEPS["README"]) >= 3


def test_only_what_depends_on_the_machine_may_differ() -> None:
    said = "3 of 397 matching; exact; 64 ms (embed 13, search 2)\n1  0.951  a.jpg\nin 4.1 s (97 photos/s)\n"
    assert same(said, said.replace("64", "5").replace("13", "1300").replace("4.1", "40").replace("97 p", "1,000.5 p"))
    assert same(said, f"The index is made: none was saved yet (397 pictures)…\n{said}")
    assert not same(said, said.replace("397", "396"))
    assert not same(said, said.replace("0.951", "0.950"))
    assert not same(said, said.replace("a.jpg", "b.jpg"))


@pytest.mark.parametrize("document", ["README", "tutorial"])
def test_the_python_of_a_document_runs(document: str, fresh: Path, env: dict[str, str]) -> None:
    text = {"README": README, "tutorial": TUTORIAL}[document]
    code = re.search(r"^    import lookalike\n(?:(?:    .*)?\n)+", text, re.MULTILINE)
    assert code is not None

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code[0])],
        cwd=fresh,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    ranks = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert ranks == list(range(1, 13))


def test_the_readme_s_request_is_answered(demo_made: tuple[Path, Outcome], fresh: Path, env: dict[str, str]) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra 'serve'")
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    request = re.search(r"^    (curl .*)$", README, re.MULTILINE)
    assert request is not None
    served = [sys.executable, "-m", "lookalike", "serve", "-c", "demo/demo.lookalike", "--port", "0", "-q"]
    process = subprocess.Popen(served, cwd=fresh, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        line = request[1].replace("http://127.0.0.1:8080", address)
        done = subprocess.run(f"{line} --silent --show-error", shell=True, cwd=fresh, capture_output=True, check=False)
    finally:
        process.terminate()
        process.communicate(timeout=60)

    assert done.returncode == 0, done.stderr.decode()
    assert [Path(hit["name"] if "name" in hit else hit["path"]).name for hit in json.loads(done.stdout)["hits"]][
        :2
    ] == [
        "wood-01-crop.jpg",
        "wood-01.jpg",
    ]


def documented() -> list[tuple[str, str]]:
    """Every line of a document that is a command of ours, as it is typed."""
    found = []
    for document in DOCUMENTS:
        for line in document.read_text().splitlines():
            typed = re.match(r"^    (?:\$ )?(?:\.venv/bin/)?(lookalike [a-z-].*)$", line)
            inline = re.findall(r"`(lookalike [a-z]+ [^`]+)`", line)
            found += [(str(document.relative_to(ROOT)), command) for command in ([typed[1]] if typed else inline)]
    return found


def test_every_documented_command_is_understood() -> None:
    """Not run, but parsed: a command or an option that is not there is found."""
    wrong = []
    for document, line in documented():
        words = shlex.split(line.replace("…", "x"), comments=True)[1:]
        if any(re.fullmatch(r"[A-Z\[\]|.]+", word) for word in words) or "|" in line:
            continue  # a form with names for what is to be filled in
        try:
            with program.make_context("lookalike", words, obj=Session()) as context:
                at = next(n for n, word in enumerate(words) if word in program.list_commands(context))
                command = program.get_command(context, words[at])
                assert command is not None
                command.make_context(words[at], words[at + 1 :], parent=context)
        except (click.UsageError, SystemExit) as error:
            wrong.append(f"{document}: {line}: {error}")
    assert len(documented()) > 40
    assert wrong == []


def test_the_environment_of_a_session_leads_to_this_program(env: dict[str, str]) -> None:
    assert Path(str(shutil.which("lookalike", path=env["PATH"]))).parent == Path(sys.executable).parent
    assert not [name for name in env if name.startswith("LOOKALIKE_")]
    assert os.path.isdir(env["HOME"])
