"""Whatever goes wrong is one line on standard error and an exit code that says of what kind it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lookalike.cli import search
from lookalike.cli.session import Session
from lookalike.core.installing import upgrade_advice
from tests.e2e.conftest import Album, Command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "No such command 'serch'"),
        (["search"], "Missing argument 'QUERY'"),
        (["search", "a.jpg", "-k", "0"], "0 is not in the range x>=1"),
        (["search", "a.jpg", "-k", "many"], "'many' is not a valid integer"),
        (["search", "a.jpg", "--null"], "--paths-only"),
        (["search", "a.jpg", "--projection", "perhaps"], "'perhaps' is not one of 'auto', 'off'"),
        (["--threads", "0", "info"], "0 is not in the range"),
        (["search", "a.jpg", "--\x1b[31m"], r"No such option '--\x1b[31m'"),
        (["index"], "Missing argument 'PATH...'"),
        (["index", ".", "--watch", "--dry-run"], "got both"),
        (["index", ".", "--metadata-root", "."], "--metadata"),
        (["remove"], "expected ids or paths"),
        (["remove", "--where", "width > 0", "-c", "C"], "expected --yes"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(
    command: Command, album: Album, arguments: list[str], said: str
) -> None:
    outcome = command(*(str(album.collection) if argument == "C" else argument for argument in arguments))
    assert (outcome.code, outcome.stdout) == (2, b"")
    assert said in outcome.stderr
    assert "--help" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("query", "options", "said"),
    [
        ("nowhere.jpg", [], "'nowhere.jpg' is no file that exists, no http(s) URL"),
        ("", [], "got nothing"),
        ("-", [], "got nothing"),
        ("0123456789abcdef", [], "begins with 0123456789abcdef"),
        ("http://127.0.0.1/a.jpg", [], "127.0.0.1"),
        ("PHOTO", ["--where", "width >"], "the filter ends there"),
        ("PHOTO", ["--crop", "1,2,3"], "crop"),
        ("PHOTO", ["--sheet", "sheet.pdf"], "expected a contact sheet to end in .jpg, .jpeg, .html or .htm"),
        ("BROKEN", [], "picture"),
    ],
)
def test_a_bad_query_is_bad_data(
    command: Command, album: Album, tmp_path: Path, query: str, options: list[str], said: str
) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    query = {"PHOTO": str(album.photos / "0.jpg"), "BROKEN": str(tmp_path / "broken.jpg")}.get(query, query)
    outcome = command("search", query, "-c", album.collection, *options)
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert said in outcome.stderr
    assert outcome.stderr.startswith("lookalike: ")
    assert outcome.stderr.count("\n") == 1


def test_a_missing_collection_is_named_with_what_makes_one(command: Command, tmp_path: Path) -> None:
    for arguments in (
        ["search", "00000000"],
        ["info"],
        ["duplicates"],
        ["doctor"],
        ["remove", "0" * 8],
        ["export", "x"],
    ):
        outcome = command(*arguments, "-c", tmp_path / "none")
        assert outcome.code == 1
        assert f"there is no collection at {tmp_path / 'none'}: make one with `lookalike index" in outcome.stderr
    assert not (tmp_path / "none").exists()


def test_a_collection_of_a_newer_version_is_bad_data(command: Command, album: Album) -> None:
    with sqlite3.connect(album.collection / "catalog.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    outcome = command("info", "-c", album.collection)
    assert outcome.code == 65
    assert upgrade_advice() in outcome.stderr


def test_a_file_that_is_no_collection_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"no database at all, but long enough to be taken for one" * 20)
    assert command("info", "-c", tmp_path).code == 65


def test_a_sheet_that_cannot_be_written_is_a_failure_of_storage(command: Command, album: Album, tmp_path: Path) -> None:
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, "--sheet", tmp_path / "no" / "s.jpg")
    assert outcome.code == 74
    assert "there is no folder" in outcome.stderr


def test_a_full_disk_behind_standard_output_is_a_failure_of_storage(album: Album) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        arguments = [sys.executable, "-m", "lookalike", "info", "-c", str(album.collection)]
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 74
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_collection_that_cannot_be_written_is_searched_and_not_indexed_into(
    command: Command, album: Album, read_only_folder: Callable[[Path], Path]
) -> None:
    collection = read_only_folder(album.collection)
    assert command("search", album.photos / "0.jpg", "-c", collection, "-q").code == 0
    assert command("info", "-c", collection).code == 0
    outcome = command("index", album.photos, "-c", collection)
    assert outcome.code == 1
    assert outcome.stderr.count("\n") == 1


@pytest.fixture
def writer(album: Album) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that is writing to the collection."""
    script = (
        "import sys; from pathlib import Path; from lookalike.catalog.sqlite.lock import writer_lock\n"
        "with writer_lock(Path(sys.argv[1])).held(wait_s=1): print('held', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", script, str(album.collection / "catalog.sqlite")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.communicate()


def test_while_another_process_writes_one_can_search_but_not_write(
    command: Command, album: Album, writer: subprocess.Popen[bytes]
) -> None:
    assert command("search", album.photos / "0.jpg", "-c", album.collection).code == 0
    outcome = command("remove", album.photos / "0.jpg", "-c", album.collection)
    assert outcome.code == 75
    assert f"process {writer.pid}" in outcome.stderr


def test_an_error_that_should_not_be_is_one_line_too(
    command: Command, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object, **__: object) -> None:
        raise ZeroDivisionError("sur\nprise")

    monkeypatch.setattr(Session, "open", surprise)
    outcome = command("info")
    assert outcome.code == 1
    assert outcome.stderr.count("\n") == 1
    assert "ZeroDivisionError: sur\\nprise" in outcome.stderr
    assert "--debug" in outcome.stderr


def test_a_traceback_is_shown_with_debug_only(command: Command, tmp_path: Path) -> None:
    assert "Traceback" not in command("info", "-c", tmp_path / "none").stderr
    outcome = command("info", "-c", tmp_path / "none", "--debug")
    assert "Traceback" in outcome.stderr
    assert outcome.code == 1


def test_ctrl_c_is_told_from_a_failure(command: Command, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "show_result", stop)
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection)
    assert outcome.code == 130
    assert "Traceback" not in outcome.stderr


def test_a_setting_from_the_environment_is_named_in_the_error(
    command: Command, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_THREADS", "many")
    outcome = command("info", "-c", album.collection)
    assert outcome.code == 65
    assert "LOOKALIKE_THREADS" in outcome.stderr


def test_a_collection_is_named_by_the_environment_too(
    command: Command, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_COLLECTION", os.fspath(album.collection))
    assert command("info", "--json").code == 0
