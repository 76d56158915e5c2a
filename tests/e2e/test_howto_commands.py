"""The shell commands of the how-to pages: each page is a session of its own, in a folder that holds what pages name.

The commands themselves are read from the pages. What stands there for something of the reader's is put in here; what
goes on until it is stopped is stopped once it says that it goes on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import signal
import subprocess
import tomllib
from contextlib import closing
from functools import partial
from pathlib import Path

import click
import numpy as np
import pytest

from lookalike.assembly.service import open_ledger
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.cli.main import COMMANDS, program
from lookalike.core.errors import ServiceDown
from lookalike.core.records import ImageRecord
from lookalike.service.parity.browser import find_browser
from tests.bare_environment import ROOT
from tests.howtos import commands_of, is_understood
from tests.interrupts import heard
from tests.sessions import Step, environment, run
from tests.user_folder import belongings, folders_of_pictures

PAGES = {page.stem: page.read_text() for page in sorted((ROOT / "docs" / "howto").glob("*.md"))}

NOT_RUN = {
    "pip install": "the network; the extra that it names is looked up",
    "make chain": "servers of its own, for minutes: tests/chain brings pictures in by both flows",
    "make web": "the network; it is what makes the page that other tests open",
    "curl": "a service with pictures of its own: test_building_on_the_api runs it",
    "python -m benchmarks.run": "minutes, and what only the benchmarks need; the name is looked up",
}
"""How a command begins that is not run here, and the reason."""

NEEDS = {
    "--rerank local": "cv2",
    "--why": "cv2",
    "parquet": "pyarrow",
    "--compare": "sklearn",
    "--watch": "watchfiles",
    "lookalike serve": "uvicorn",
    "lookalike worker": "uvicorn",
    "lookalike parity": "a browser, and the page that `make web` makes",
    "--tls-certificate": "openssl, which makes a certificate",
    "--device cuda": "a graphics card",
}
"""What a command shows that it needs something which a machine may lack: a library of an extra, or more."""

PRINTED = {"why-pictures-match": "58 of 212 points agree on one view"}
"""What a page shows of what its commands print; the numbers are of the reader's own pictures."""

_FROM_JSON = 'python -c \'import json, sys; print(json.load(sys.stdin)["{}"][0]["id"])\''

STANDS_FOR = {
    "/backups": "$PWD/backups",
    "/srv/lookalike": "$PWD/srv",
    "sha256sum": "cd backups/monday && sha256sum",
    "0.0.0.0": "127.0.0.1",
    "remove ID": f"remove $(lookalike search holiday/0.jpg --json | {_FROM_JSON.format('hits')})",
    "jobs --retry ID": f"jobs --retry $(lookalike jobs --json | {_FROM_JSON.format('jobs')})",
    "3f9a01c7": f"$(lookalike key list --json | {_FROM_JSON.format('keys')})",
    "--keys PATH": '--keys "$XDG_CONFIG_HOME/lookalike/keys.json"',
    "-c PATH": '-c "$XDG_DATA_HOME/lookalike/photos.lookalike"',
    "doctor -c FOLDER": 'doctor -c "$XDG_DATA_HOME/lookalike/photos.lookalike"',
    "chmod 700 FOLDER": "chmod 700 photos.lookalike",
    "--forget FOLDER": "--forget ~/Pictures/gone",
    "--model FILE": "--model my.onnx",
    "--why FILE": "--why another.png",
    "lookalike parity": "lookalike parity --count 30",
}
"""What a page says -> what is typed here."""

TRASH_PUT = """#!/bin/sh
mkdir -p "$HOME/trash"
for file; do mv "$file" "$HOME/trash/$(echo "$file" | tr / _)" || exit 1; done
"""
"""A program of that name, where the machine has none."""

CERTIFY = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"

GOES_ON = {
    "lookalike serve": r"https?://127\.0\.0\.1:\d+",
    "lookalike worker": "Waiting for jobs",
    "--watch": "Watching for changes",
}
"""What is in a command that goes on until it is stopped -> what it prints once it does."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's home, with a collection of some pictures in the usual place; what they have beside it."""
    place = belongings(tmp_path / "user")
    folders_of_pictures(place)
    bin_folder = place / "bin"
    bin_folder.mkdir()
    (bin_folder / "trash-put").write_text(TRASH_PUT)
    (bin_folder / "trash-put").chmod(0o755)
    return place


@pytest.fixture
def env(folder: Path) -> dict[str, str]:
    own = environment(folder)
    return {**own, "PATH": f"{folder / 'bin'}:{own['PATH']}", "LOOKALIKE_SERVE_PORT": "0"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, folder: Path, env: dict[str, str]) -> None:
    commands = [command for command in commands_of(PAGES[page]) if not command.startswith(tuple(NOT_RUN))]
    # most machines have no card, and no extra brings one
    commands = [command for command in commands if lacks(command) != NEEDS["--device cuda"]]
    if left_out := [f"{command} (needs {lacking})" for command in commands if (lacking := lacks(command))]:
        pytest.skip(f"a session with {', '.join(left_out)}")
    made_before(page, folder, env)
    printed = "".join([done(command, folder, env) for command in commands])
    if (shown := PRINTED.get(page)) is not None:
        assert shown in PAGES[page]
        assert re.search(re.sub(r"\d+", r"\\d+", shown), printed), printed


def done(command: str, folder: Path, env: dict[str, str]) -> str:
    """Run a command of a page, see that it ends well, and give what it prints."""
    typed = command
    for said, meant in STANDS_FOR.items():
        typed = typed.replace(said, meant)
    ready = next((sign for part, sign in GOES_ON.items() if part in command), None)
    code, printed = (
        run(Step(typed, ""), folder=folder, env=env) if ready is None else stopped(typed, ready, folder, env)
    )
    assert code == (130 if "--watch" in command else 0), f"{typed}\n{printed}"
    return printed


def stopped(typed: str, ready: str, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run what goes on until Ctrl-C, and press that once it says that it goes on."""
    with heard():
        process = subprocess.Popen(
            f"exec {typed}",
            shell=True,
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    with process:
        assert process.stdout is not None
        printed = ""
        try:
            for line in process.stdout:
                printed += line
                if re.search(ready, line):
                    process.send_signal(signal.SIGINT)
                    printed += process.communicate(timeout=120)[0]
                    break
        finally:
            process.kill()
    return process.returncode, printed


def made_before(page: str, folder: Path, env: dict[str, str]) -> None:
    """What a reader of a page has done already."""
    done("lookalike index ~/Pictures photos shelf.jpg holiday", folder, env)
    usual = Path(env["XDG_DATA_HOME"]) / "lookalike"
    if page == "back-up-and-restore":
        done("lookalike key add somebody", folder, env)
    if page == "nearest-neighbours" and has("pyarrow"):
        write_parquet(folder)
    if page == "run-the-service" and shutil.which("openssl"):
        done(f"{CERTIFY} -keyout key.pem -out cert.pem", folder, env)
    if page == "run-the-service" and has("uvicorn"):
        give_up_a_job(usual / "service")
    if page == "secure-a-service":
        shutil.copytree(usual / "photos.lookalike", folder / "photos.lookalike")
    if page == "millions":
        add_random(usual / "photos.lookalike", 5_000)


def write_parquet(folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = np.load(folder / "base.npy").tolist()
    for name in ("base", "queries"):
        pyarrow.parquet.write_table(pyarrow.table({"embedding": rows}), folder / f"{name}.parquet")


def give_up_a_job(home: Path) -> None:
    """A service that has answered once, and a job of it that failed."""
    with closing(open_ledger(home)) as ledger:
        job = ledger.jobs.enqueue("verify_upload", collection="photos", payload={"upload_id": "0" * 32}, owner="ann")
        assert ledger.jobs.claim(["verify_upload"], worker="w", lease_s=60) is not None
        ledger.jobs.fail(job.id, lease=1, code="wrong_model", detail="it is of another model", retry_in_s=None)


def add_random(collection: Path, count: int) -> None:
    """Vectors as of as many pictures more: an index of inverted lists learns from thousands."""
    rng = np.random.default_rng(5)
    with closing(SqliteCatalog.open(collection / "catalog.sqlite")) as catalog, catalog.transaction() as transaction:
        images = [
            ImageRecord(hashlib.sha256(b"%d" % n).hexdigest(), width=8, height=8, format="png", size_bytes=n + 1)
            for n in range(count)
        ]
        transaction.put_images(images, rng.normal(size=(count, catalog.dimension)).astype(np.float16))


def lacks(command: str) -> str | None:
    """What the command needs and the machine lacks."""
    for sign, what in NEEDS.items():
        if sign in command and not AT_HAND.get(what, partial(has, what))():
            return what
    return None


def has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def has_browser() -> bool:
    try:
        find_browser()
    except ServiceDown:
        return False
    return (ROOT / "src" / "lookalike" / "service" / "page" / "parity.html").is_file()


def has_card() -> bool:
    if not has("torch"):
        return False
    import torch

    return bool(torch.cuda.is_available())


AT_HAND = {
    NEEDS["lookalike parity"]: has_browser,
    NEEDS["--tls-certificate"]: lambda: shutil.which("openssl") is not None,
    NEEDS["--device cuda"]: has_card,
}
"""What is no library -> whether it is there."""


def test_what_is_not_run_is_spelled_right() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    commands = [command for page in PAGES.values() for command in commands_of(page)]
    assert all(any(command.startswith(beginning) for command in commands) for beginning in NOT_RUN)
    for command in commands:
        if extra := re.fullmatch(r"pip install '\.\[(\w+)\]'", command):
            assert extra[1] in extras
        if benchmark := re.fullmatch(r"python -m benchmarks\.run (\w+)", command):
            assert (ROOT / "benchmarks" / benchmark[1]).is_dir()


def test_the_commands_of_a_page_are_found() -> None:
    page = (
        "Type\n\n    lookalike duplicates --sheet a.html   # a sheet\n    curl \\\n      x\n\n"
        "or `lookalike -c a index b`, `--prune`, but not `lookalike index` or `--nothing`; `doctor --repair`, `make`, "
        "`lookalike\nserve`.\n```python\n    lookalike info\n```\n"
    )
    assert commands_of(page) == [
        "lookalike duplicates --sheet a.html",
        "curl x",
        "lookalike -c a index b",
        "lookalike -c a index b --prune",
        "lookalike doctor --repair",
        "lookalike serve",
    ]
    assert not is_understood("lookalike search a.jpg --nothing")


@pytest.mark.parametrize("page", PAGES)
def test_each_option_that_a_page_names_is_one_of_a_command(page: str) -> None:
    context = click.Context(program)
    commands = [program.get_command(context, name) for name in COMMANDS]
    known = {name for command in commands if command is not None for option in command.params for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)[ `]", PAGES[page])) <= known
