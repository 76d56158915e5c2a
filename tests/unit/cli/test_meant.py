"""What is said of a word that cannot be what it was written as."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from lookalike.cli.meant import check_query_file, dashed_path, no_such_command
from lookalike.cli.words import check_words
from lookalike.core.errors import BadQuery

COMMANDS = ["index", "search", "remove"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a picture and a folder."""
    (tmp_path / "beach day.jpg").touch()
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("serach", "No such command 'serach'. Did you mean search?"),
        ("photos", "Expected a command first, got the path 'photos'. Did you mean `lookalike index photos`?"),
        (
            "beach day.jpg",
            "Expected a command first, got the path 'beach day.jpg'. Did you mean `lookalike search 'beach day.jpg'`?",
        ),
        ("zzz", "No such command 'zzz'. There are index, search, remove; see what each does."),
    ],
)
def test_of_a_command_that_is_not_there_is_said_what_was_meant(name: str, said: str) -> None:
    assert no_such_command(name, COMMANDS) == said


@pytest.mark.parametrize(
    ("arguments", "letter", "said"),
    [
        (["search", "-a.jpg"], "a", " If '-a.jpg' is a path, write ./-a.jpg."),
        (["search", "-a b.jpg"], "a", " If '-a b.jpg' is a sum, put -- before it."),
        (["search", "-2*a.jpg"], "2", " If '-2*a.jpg' is a sum, put -- before it."),
        (["search", "-x.jpg"], "y", ""),  # another word was wrong
        (["search", "-x.jpg"], "", " If '-x.jpg' is a path, write ./-x.jpg."),
        (["search", "-xy"], "", ""),
        (["search", "--", "-a.jpg"], "a", ""),
        (["search", "-c", "-a.jpg"], "a", ""),  # the value of an option
        (["search", "--a.jpg"], "a", ""),
        (["search", "-k"], "k", ""),
        ([], "", ""),
    ],
)
def test_a_path_or_a_sum_that_begins_with_a_dash_is_told_how_to_be_written(
    arguments: list[str], letter: str, said: str
) -> None:
    assert dashed_path(arguments, {"-c"}, letter=letter) == said


def test_a_file_that_is_there_is_meant_whatever_the_letter(here: Path) -> None:
    (here / "-k 1.jpg").touch()
    assert dashed_path(["search", "-k 1.jpg"], set(), letter="z") == " Did you mean the path './-k 1.jpg'?"


@pytest.mark.parametrize("query", ["", "-", "beach day.jpg", "http://photos/beach", "a.jpg + b.jpg", "2*a.jpg", "cafe"])
def test_a_query_that_is_no_wrong_file_is_left_to_who_reads_it(query: str) -> None:
    check_query_file(query)


def test_a_folder_as_a_query_is_told_what_takes_folders() -> None:
    with pytest.raises(BadQuery, match=r"'photos' is a folder.*`lookalike index FOLDER`"):
        check_query_file("photos")


def test_a_file_that_is_nearly_there_is_named(here: Path) -> None:
    with pytest.raises(BadQuery, match=r"'Beach dya\.JPG' is no file that exists\. Did you mean beach day\.jpg\?"):
        check_query_file("Beach dya.JPG")
    check_query_file("mountain.jpg")  # nothing is like it: the search itself says that it is not there


@pytest.mark.parametrize(
    ("got", "advice"),
    [
        ([], "got nothing behind it: add NAME SOURCE."),
        (["fine"], "got 'fine': add SOURCE."),
        (["a", "b", "c", "d"], "got 'a', 'b', 'c', 'd': leave out 'c', 'd'."),
    ],
)
def test_too_few_or_too_many_words_are_told_apart(got: list[str], advice: str) -> None:
    check_words("model", "add", ["NAME", "SOURCE"], ["fine", "model.onnx"])
    with pytest.raises(click.UsageError) as caught:
        check_words("model", "add", ["NAME", "SOURCE"], got)
    assert str(caught.value) == f"Expected `lookalike model add NAME SOURCE`, {advice}"
