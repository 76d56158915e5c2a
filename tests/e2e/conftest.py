"""An album of small pictures with its collection, and the command line called in this process or as a new one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from click.testing import CliRunner

import lookalike
from lookalike.cli.main import run
from tests.unit.images.pictures import encoded, scene

PICTURES = 6


class Outcome(NamedTuple):
    """What a command did: its exit code, standard output and standard error."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()


class Command(Protocol):
    """`lookalike` with these arguments."""

    def __call__(self, *arguments: str | os.PathLike[str], stdin: bytes = b"") -> Outcome: ...


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the user's settings nor their collection; the model's cache stays."""
    for name in [name for name in os.environ if name.startswith("LOOKALIKE_") and name != "LOOKALIKE_CACHE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no settings"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no data"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def command() -> Command:
    """The command line in this process, with its streams caught."""

    def call(*arguments: str | os.PathLike[str], stdin: bytes = b"") -> Outcome:
        with CliRunner().isolation(input=stdin) as (out, err, _):
            code = run([os.fsdecode(argument) for argument in arguments])
            sys.stdout.flush()
            sys.stderr.flush()
            return Outcome(code, out.getvalue(), err.getvalue().decode())

    return call


@pytest.fixture
def process() -> Command:
    """The command line as a new process."""

    def call(*arguments: str | os.PathLike[str], stdin: bytes = b"") -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", *arguments], input=stdin, capture_output=True, check=False
        )
        return Outcome(done.returncode, done.stdout, done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def indexed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and its collection `c`."""
    place = tmp_path_factory.mktemp("album")
    (place / "photos").mkdir()
    for n in range(PICTURES):
        (place / "photos" / f"{n}.jpg").write_bytes(encoded(scene(seed=n), "JPEG"))
    with lookalike.open(place / "c") as collection:
        collection.index(place / "photos")
    return place


@pytest.fixture(scope="session")
def demo_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A folder with `demo`, as `make demo` makes it, not to be changed; and what that printed."""
    place = tmp_path_factory.mktemp("demonstrated")
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", "demo", "demo"], cwd=place, capture_output=True, check=False
    )
    return place, Outcome(done.returncode, done.stdout, done.stderr.decode())


class Album(NamedTuple):
    """Pictures and their collection.

    Attributes:
        photos: a folder with `0.jpg` to `5.jpg`, shared by all tests: not to be changed.
        collection: the test's own.
    """

    photos: Path
    collection: Path


@pytest.fixture
def album(indexed_once: Path, tmp_path: Path) -> Album:
    """Six pictures, indexed."""
    shutil.copytree(indexed_once / "c", tmp_path / "c")
    return Album(indexed_once / "photos", tmp_path / "c")
