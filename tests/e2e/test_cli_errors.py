"""Whatever goes wrong is one line on standard error and an exit code that says of what kind it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from lookalike.cli import search
from lookalike.cli.main import program
from lookalike.cli.session import Session, names_of_options
from lookalike.core.installing import upgrade_advice
from tests.collections import write
from tests.e2e.conftest import Album, Command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "No such command 'serch'"),
        (["search"], "Missing argument 'QUERY'"),
        (["completion"], "Choose from: bash, zsh, fish (see"),
        (["-k", "3", "search", "a.jpg"], "'-k' before a command: it stands behind search or knn. (see"),
        (
            ["--where", "width > 3", "search", "a.jpg"],
            "it stands behind search or remove or duplicates or export. (see",
        ),
        (["search", "a.jpg", "b c.jpg"], "Expected QUERY, and got 'b c.jpg' as well"),
        (["knn", "a.npy", "b.npy", "c.npy", "d.npy"], "Expected BASE QUERIES, and got 'c.npy', 'd.npy' as well"),
        (["info", "x"], "Expected no argument, got 'x'"),
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


def test_an_option_without_its_value_points_to_the_help_of_its_command(command: Command) -> None:
    context = click.Context(program)
    verbs = [[], *([name] for name in program.list_commands(context))]
    for verb in verbs:
        here = program.get_command(context, verb[0]) if verb else program
        assert here is not None
        help_of = " ".join(("lookalike", *verb, "--help"))
        for option in names_of_options(here, with_value=True):
            for rest, said in (
                ([], ""),
                (["--quiet"], f", and got the option '--quiet' in its place: write the argument behind {option}"),
            ):
                outcome = command(*verb, option, *rest)
                assert (outcome.code, outcome.stdout) == (2, b"")
                assert outcome.stderr == f"lookalike: Option {option!r} requires an argument{said}. (see {help_of})\n"


def test_a_path_in_the_place_of_a_command_or_an_option_is_told(
    command: Command, album: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "--where").mkdir()
    (tmp_path / "a b.jpg").write_bytes(b"")
    for arguments, said in (
        (["a b.jpg"], "Did you mean `lookalike search 'a b.jpg'`?"),
        ([str(album.photos), "index"], f"Did you mean `lookalike index {album.photos}`?"),
        (["index", "--where"], "Did you mean the path ./--where?"),
    ):
        outcome = command(*arguments)
        assert (outcome.code, outcome.stdout) == (2, b"")
        assert said in outcome.stderr


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
    command: Command, album: Album, tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    collection = read_only_folder(album.collection)
    assert command("search", album.photos / "0.jpg", "-c", collection, "-q").code == 0
    assert command("info", "-c", collection).code == 0
    assert command("index", album.photos, "-c", collection, "-q").code == 0  # nothing has changed
    write(tmp_path / "new" / "9.png", 9)
    outcome = command("index", tmp_path / "new", "-c", collection, "-q")
    assert outcome.code == 1
    assert outcome.stderr.count("\n") == 1


@pytest.fixture
def writer(album: Album) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that is writing to the collection."""
    script = (
        "import sys; from pathlib import Path; from lookalike.catalog.sqlite.lock import writer_lock\n"
        "with writer_lock(Path(sys.argv[1])).holding(wait_s=1): print('held', flush=True); sys.stdin.read()"
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


# What is mistyped, and what is another kind of thing than was expected


def test_a_file_that_is_nearly_there_is_named(command: Command, album: Album) -> None:
    outcome = command("search", album.photos / "0.jpgg", "-c", album.collection)
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert f"is no file that exists. Did you mean {album.photos / '0.jpg'}?" in outcome.stderr


def test_a_folder_as_query_is_told_from_a_file(command: Command, album: Album) -> None:
    outcome = command("search", album.photos, "-c", album.collection)
    assert outcome.code == 65
    assert (
        f"expected a picture to search for, but '{album.photos}' is a folder: name one of its files" in outcome.stderr
    )


@pytest.mark.parametrize("verb", ["search", "info", "duplicates", "export"])
def test_a_file_as_collection_is_told_from_a_folder(command: Command, album: Album, verb: str) -> None:
    argument = {"search": ["00000000"], "export": ["x.parquet"]}.get(verb, [])
    catalog = album.collection / "catalog.sqlite"
    outcome = command(verb, *argument, "-c", album.photos / "0.jpg")
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert outcome.stderr == (
        f"lookalike: expected the folder of a collection, but {album.photos / '0.jpg'} is a file: "
        "choose a path where a folder is\n"
    )
    outcome = command(verb, *argument, "-c", catalog)
    assert outcome.stderr.endswith(f"{catalog} is a file: name the folder, {album.collection}\n")


def test_a_collection_that_is_nearly_there_is_named(command: Command, album: Album, tmp_path: Path) -> None:
    album.collection.rename(tmp_path / "photos.lookalike")
    for named in (tmp_path / "fotos.lookalike", tmp_path / "photo.lookalike", tmp_path):
        outcome = command("info", "-c", named)
        assert outcome.code == 1
        assert outcome.stderr == (
            f"lookalike: there is no collection at {named}: did you mean {tmp_path / 'photos.lookalike'}?\n"
        )


def test_a_field_that_is_mistyped_is_answered_with_the_one_that_was_meant(command: Command, album: Album) -> None:
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, "--where", "widht > 3")
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert "no picture has a field 'widht'. Did you mean width?" in outcome.stderr


def test_an_opinion_of_nobody_lists_whose_there_are(command: Command, album: Album) -> None:
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, "--rerank", "loacl")
    assert (outcome.code, outcome.stdout) == (1, b"")
    assert "expected a reranker: local, int8, fp32, fine, or the path of an ONNX file" in outcome.stderr
    assert "got 'loacl'" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--model", "nope"],
            1,
            "expected auto, int8, fp32, fine or the path of an ONNX file as the model, got 'nope'",
        ),
        (["--model", "fp32"], 1, "open it with that model, or make another collection"),
        (["--model", "TEXT"], 1, "expected an ONNX model, but"),
        (["--crop", "a"], 65, "expected a crop as x,y,width,height, for example"),
        (["--mixture", "mian"], 65, "expected models of the collection (main), got 'mian'"),
        (["--min-confidence", "5"], 65, "expected a least confidence from 0 to 1, got 5"),
        (["--where", "width > abc"], 65, "width: expected a number, got 'abc'"),
        (["--sheet", "sheet"], 65, "expected a contact sheet to end in .jpg, .jpeg, .html or .htm, got 'sheet'"),
        (["--engine", "foo"], 65, "expected a factory string that FAISS understands, got 'foo'"),
        (["--kk", "3"], 2, "No such option '--kk'"),
    ],
)
def test_an_option_says_what_it_expected_and_what_came(
    command: Command, album: Album, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    arguments = [str(tmp_path / "notes.txt") if argument == "TEXT" else argument for argument in arguments]
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, *arguments)
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert said in outcome.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"engine = ", "cannot be read: Invalid value"),
        (b'engin = "exact"', "expected a setting that is known, got 'engin'"),
        (b'recall = "much"', "expected a recall above 0 and at most 1, got 'much'"),
        (b"threads = 0", "expected 1 to 1024 threads, got 0"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_bad_settings_file_is_named_with_what_is_wrong(
    command: Command, album: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes, said: str
) -> None:
    settings = tmp_path / "lookalike.toml"
    settings.write_bytes(written)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(settings))
    outcome = command("info", "-c", album.collection)
    assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (65, b"", 1)
    assert said in outcome.stderr
    assert str(settings) in outcome.stderr


def test_a_folder_without_pictures_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = command("index", tmp_path / "empty", "-c", tmp_path / "c")
    assert outcome.code == 0
    assert "Done: no pictures were found there" in outcome.stderr


def test_a_full_disk_ends_indexing_in_one_line_and_what_is_there_is_kept(
    command: Command, album: Album, small_disk: Path
) -> None:
    collection = small_disk / "c"
    assert command("index", album.photos / "0.jpg", "-c", collection, "-q").code == 0
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"x" * 4096)
    outcome = command("index", album.photos, "-c", collection)
    assert (outcome.code, outcome.stdout) == (74, b"")
    assert "disk is full" in outcome.stderr or "No space left" in outcome.stderr
    (small_disk / "filler").unlink()
    assert command("search", album.photos / "0.jpg", "-c", collection, "-q").code == 0


def test_what_cannot_be_written_says_where_and_why(
    command: Command, album: Album, tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    (tmp_path / "closed").mkdir()
    closed = read_only_folder(tmp_path / "closed")
    search = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection)]
    for arguments, code in (
        (["index", str(album.photos), "-c", str(closed / "c")], 1),
        ([*search, "--sheet", str(closed / "s.jpg")], 74),
        (["demo", str(closed / "d")], 74),
    ):
        outcome = command(*arguments)
        assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (code, b"", 1)
        assert str(closed) in outcome.stderr
        assert "Read-only file system" in outcome.stderr or "Permission denied" in outcome.stderr
