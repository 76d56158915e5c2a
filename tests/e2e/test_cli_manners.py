"""What people type by guess or mistake is met with what they meant."""

from __future__ import annotations

import json

import pytest

from lookalike.cli.main import COMMANDS
from tests.e2e.conftest import PICTURES, Album, Command


def test_help_is_a_word_too(command: Command) -> None:
    assert command("help").stdout == command("--help").stdout
    for name in COMMANDS:
        outcome = command("help", name)
        assert (outcome.code, outcome.stdout) == (0, command(name, "--help").stdout)


def test_help_is_a_word_behind_options_too(command: Command) -> None:
    for before in (["-c", "help"], ["--json"], ["-q", "-c", "a b"], ["--collection=x"], ["-vv", "-v"]):
        assert command(*before, "help").stdout == command("--help").stdout
        assert command(*before, "help", "search").stdout == command("search", "--help").stdout


@pytest.mark.parametrize(("typed", "meant"), [("serach", "search"), ("indx", "index"), ("duplicate", "duplicates")])
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(command: Command, typed: str, meant: str) -> None:
    for arguments in ([typed, "x"], ["help", typed]):
        outcome = command(*arguments)
        assert outcome.code == 2
        assert f"No such command '{typed}'. Did you mean {meant}" in outcome.stderr


def test_a_command_that_is_like_none_is_answered_with_all(command: Command) -> None:
    outcome = command("xyzzy")
    assert outcome.code == 2
    assert all(name in outcome.stderr for name in COMMANDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("search a --shet", "--sheet"),
        ("search a --topp", "-k"),
        ("search a --limit", "-k"),
        ("index a --dryrun", "--dry-run"),
        ("duplicates --kep", "--keep"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_one_that_was_meant(command: Command, typed: str, meant: str) -> None:
    outcome = command(*typed.split(), "5")
    assert outcome.code == 2
    assert f"No such option '{typed.split()[-1]}'. Did you mean {meant}? (see " in outcome.stderr


@pytest.mark.parametrize("typed", ["search a --foo", "search a --size", "index a --limit", "index a --recursive", "-Z"])
def test_an_option_that_is_like_none_is_not_answered_with_another(command: Command, typed: str) -> None:
    outcome = command(*typed.split(), "5")
    assert outcome.code == 2
    assert f"No such option '{typed.split()[-1]}'. (see " in outcome.stderr


@pytest.mark.parametrize(("answer", "removed"), [(b"n\n", 0), (b"\n", 0), (b"y\n", 2)])
def test_what_is_answered_decides_whether_anything_is_removed(
    command: Command, album: Album, monkeypatch: pytest.MonkeyPatch, answer: bytes, removed: int
) -> None:
    monkeypatch.setattr("lookalike.cli.remove._is_anybody_there", lambda: True)
    remove = ["remove", "-c", str(album.collection), "--where", "name in (1.jpg, 2.jpg)", "--json"]
    outcome = command(*remove, stdin=answer)
    assert outcome.code == 0
    assert ("Nothing was removed." in outcome.stderr) == (not removed)
    assert json.loads(outcome.stdout[outcome.stdout.index(b"{") :])["removed"] == removed
    info = json.loads(command("info", "-c", album.collection, "--json").stdout)
    assert info["images"] == PICTURES - removed


def test_no_answer_removes_nothing(command: Command, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    remove = ["remove", "-c", str(album.collection), "--where", "width > 0"]
    outcome = command(*remove)
    assert outcome.code == 2
    assert "--yes" in outcome.stderr
    monkeypatch.setattr("lookalike.cli.remove._is_anybody_there", lambda: True)
    outcome = command(*remove)
    assert outcome.code == 130
    assert "Nothing was removed." in outcome.stderr
    assert json.loads(command("info", "-c", album.collection, "--json").stdout)["images"] == PICTURES
