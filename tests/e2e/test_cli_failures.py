"""What goes wrong on a command line, as users meet it: one line that says what was expected, what came and what to do.

Each row is a command line, its exit code, and words that a user needs to understand what happened;
C, PHOTO and PHOTOS stand for places of the album, _ for a space.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Album, Command
from tests.unit.source.error_rule import lacks


@pytest.fixture
def things(album: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are called in, with files that are of no use."""
    monkeypatch.chdir(tmp_path)
    photo = (album.photos / "0.jpg").read_bytes()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "notes.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "zero.jpg").write_bytes(b"")
    (tmp_path / "half.jpg").write_bytes(photo[:300])
    for name in ("garbage", "cut"):
        shutil.copytree(album.collection, tmp_path / name)
    with (tmp_path / "garbage" / "catalog.sqlite").open("r+b") as catalog:
        catalog.write(b"garbage garbage garbage")
    os.truncate(tmp_path / "cut" / "catalog.sqlite", 5_000)
    return tmp_path


def _arguments(row: str, album: Album) -> list[str]:
    places = {"C": str(album.collection), "PHOTO": str(album.photos / "0.jpg"), "PHOTOS": str(album.photos)}
    words = [[places.get(part, part) for part in word.split("_")] for word in row.split()]
    return [" ".join(parts) for parts in words]


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        # what is to be taken in
        ("index nowhere -c C", 65, "/nowhere' cannot be read: No such file or directory"),
        ("index PHOTOS -c PHOTO", 65, "is a file"),
        ("index PHOTOS -c C --metadata notes.txt", 65, "expected a table that ends in .csv"),
        ("index PHOTOS -c C --metadata nowhere.csv", 65, "the table cannot be read"),
        ("index PHOTOS -c C --max-bytes lots", 65, "for max_bytes, got 'lots' from the argument"),
        ("index PHOTOS -c C --memory 4X", 65, "for memory, got '4X' from the argument"),
        ("index PHOTOS -c C --forget PHOTOS", 2, "--forget needs --prune"),
        ("index PHOTOS -c C --model nope.onnx", 1, "got 'nope.onnx': there is no such file"),
        # what is searched for
        ("search notes.txt -c C", 65, "the content is not a picture"),
        ("search half.jpg -c C", 65, "the file ends inside"),
        ("search zero.jpg -c C", 65, "the file is empty"),
        ("search nowhere.jpg -c C --json", 65, "is no file that exists"),
        ("search PHOTOS -c C", 65, "is a folder"),
        ("search PHOTO -c C --where width_>", 65, "where: in the filter, at position 8: expected a value"),
        ("search PHOTO -c C --where widht_>_3", 65, "Did you mean width?"),
        ("search PHOTO -c C --where width_like_3", 65, "like cannot be asked of a number"),
        ("search PHOTO -c C --crop 5000,5000,1,1", 65, "lies outside"),
        ("search PHOTO_-_PHOTO -c C", 65, "cancel each other out"),
        ("search PHOTO -c C --mixture zzz", 65, "got 'zzz'"),
        ("search http:// -c C", 65, "names no host"),
        ("search http://nowhere.invalid/a.jpg -c C --allow-private-addresses", 65, "nowhere.invalid"),
        ("search http://127.0.0.1:1/a.jpg -c C", 65, "leads to an address that is not public"),
        ("search http://127.0.0.1:1/a.jpg -c C --allow-private-addresses", 65, "http://127.0.0.1:1/a.jpg cannot be"),
        ("search ftp://example.com/a.jpg -c C", 65, "no http(s) URL"),
        # the collection
        ("info -c nowhere --json", 1, "make one with `lookalike index FOLDER -c"),
        ("info -c garbage", 65, "run `lookalike doctor`, or restore it from a copy"),
        ("search PHOTO -c cut", 65, "run `lookalike doctor`, or restore it from a copy"),
        ("remove nowhere.jpg -c C", 65, "neither is 'nowhere.jpg' an indexed path"),
        ("duplicates --threshold 5 -c C", 65, "expected a threshold of -1 to 1"),
        ("export out.txt -c C", 65, "rename it"),
        ("export nowhere/out.jsonl -c C", 74, "there is no folder"),
        ("import notes.jsonl -c C", 65, "line 1: expected what `lookalike export` has written"),
        ("import nowhere.jsonl -c C", 65, "there is no such file"),
        ("model drop fine -c C", 65, "lookalike model add NAME FILE"),
        ("knn nowhere.npy nowhere.npy", 65, "there is no such file"),
        ("knn notes.txt notes.txt", 65, "save vectors with numpy.save"),
        # the service
        ("serve -c nowhere --port 0", 1, "`lookalike index` makes one"),
        ("serve -c C --host 300.1.2.3 --port 0 --quiet", 65, "use 127.0.0.1 for this machine alone"),
        ("serve -c C --tls-certificate nope --port 0", 65, "which is not a file"),
        ("jobs --home empty", 1, "name that of `lookalike serve` with --home"),
        ("key add x --expires yesterday --keys k.json", 65, "got 'yesterday'"),
        ("key revoke zzz --keys k.json", 65, "`lookalike key list` shows them"),
        ("key list --scope read", 2, "with key add only"),
        ("backup check nowhere", 65, "there is no backup.json"),
        ("backup restore C into", 65, "there is no backup.json"),
        # the command line itself
        ("search PHOTO -c C -k 0", 2, "0 is not in the range x>=1"),
        ("search PHOTO -c C --frobnicate", 2, "No such option '--frobnicate'"),
        ("search PHOTO -c C -0", 2, "-0 needs --paths-only"),
        ("remove -c C", 2, "expected ids or paths of pictures"),
        ("nonsense", 2, "There are index, search"),
    ],
)
def test_what_goes_wrong_is_one_line_that_a_user_understands(
    command: Command, album: Album, things: Path, row: str, code: int, said: str
) -> None:
    outcome = command(*_arguments(row, album))
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert said in outcome.stderr
    told, *more = outcome.stderr.splitlines()
    assert more == []
    assert told.startswith("lookalike: ")
    message, _, see = told.removeprefix("lookalike: ").partition(" (see lookalike ")
    assert bool(see) == (code == 2)
    if code != 2 or "Invalid value" not in message:  # which click says
        assert not lacks(f"{message}; see `lookalike --help`" if see else message), message


@pytest.mark.parametrize(
    ("variables", "row", "code", "said"),
    [
        ({"TERM": "no-such-terminal"}, "search nowhere.jpg -c C", 65, "is no file that exists"),
        ({"TERM": ""}, "info -c nowhere", 1, "there is no collection"),
        ({"LANG": "C", "LC_ALL": "C"}, "search photös.jpg -c C", 65, "is no file that exists"),
        ({"COLUMNS": "20"}, "search nowhere.jpg -c C", 65, "correct the path, or index the picture first"),
        ({"HOME": "/nonexistent", "XDG_DATA_HOME": ""}, "info", 1, "/nonexistent/.local/share/lookalike"),
        ({"LOOKALIKE_RECALL": "2"}, "info -c C", 65, "got '2' from LOOKALIKE_RECALL"),
        ({"LOOKALIKE_MEMORY": "much"}, "info -c C", 65, "got 'much' from LOOKALIKE_MEMORY"),
        ({"LOOKALIKE_CONFIG": "nowhere.toml"}, "info -c C", 65, "unset LOOKALIKE_CONFIG"),
    ],
)
def test_odd_surroundings_change_nothing_of_how_an_error_is_told(
    process: Command,
    album: Album,
    things: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    row: str,
    code: int,
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    outcome = process(*_arguments(row, album))
    assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (code, b"", 1)
    assert said in outcome.stderr
    assert not lacks(outcome.stderr.removeprefix("lookalike: "))


def test_without_a_home_the_usual_collection_is_told_where_it_would_be(
    process: Command, things: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    outcome = process("info")
    assert (outcome.code, outcome.stderr.count("\n")) == (1, 1)
    assert "there is no collection at" in outcome.stderr


@pytest.mark.parametrize(
    "row", ["index PHOTOS -c new -q", "export all.jsonl -c C", "search PHOTO -c C --sheet s.html -q"]
)
def test_a_limit_on_the_size_of_files_is_a_failure_of_storage(album: Album, things: Path, row: str) -> None:
    done = _run(_arguments(row, album), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096)))
    assert (done.returncode, done.stdout) == (74, "")
    assert "Traceback" not in done.stderr
    told = done.stderr.splitlines()[-1]
    assert told.startswith("lookalike: ")
    assert not lacks(told), told
    assert not (things / "all.jsonl").exists()
    assert not (things / "s.html").exists()


def test_closed_streams_are_no_reason_to_fail_or_to_be_silent(album: Album, things: Path) -> None:
    closed = _run(["info", "-c", str(album.collection)], before=lambda: os.close(1))
    assert (closed.returncode, closed.stderr) == (0, "")
    told = _run(["info", "-c", "nowhere"], before=lambda: os.close(1))
    assert told.returncode == 1
    assert "there is no collection" in told.stderr
    silent = _run(["info", "-c", "nowhere"], before=lambda: os.close(2))
    assert (silent.returncode, silent.stdout, silent.stderr) == (1, "", "")


def _run(arguments: list[str], *, before: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )
