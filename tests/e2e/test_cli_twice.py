"""What a command line says twice, too much, or with a dash in front is told; nothing of it is passed over."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from lookalike.cli.main import program
from tests.e2e.conftest import Command

_CONTEXT = click.Context(program)
_COMMANDS = {name: program.get_command(_CONTEXT, name) for name in program.list_commands(_CONTEXT)}

_PATHS = {
    "index": ["PATH"],
    "search": ["PATH"],
    "remove": ["PATH"],
    "knn": ["PATH", "b.npy"],
    "export": ["PATH"],
    "import": ["PATH"],
    "demo": ["PATH"],
    "parity": ["PATH"],
    "model": ["add", "fine", "PATH"],
    "backup": ["check", "PATH"],
}
"""What each command that takes paths is called with."""


def _options(command: click.Command | None) -> list[click.Option]:
    assert command is not None
    return [one for one in command.params if isinstance(one, click.Option)]


def _has_one_value(option: click.Option) -> bool:
    return not (option.multiple or option.count or option.is_flag)


def _value(option: click.Option) -> str:
    match option.type:
        case click.Choice(choices=choices):
            return str(choices[0])
        case click.IntRange(min=least):
            return str(least or 1)
    return "1"


def test_an_option_of_one_value_given_twice_is_refused_by_every_command(command: Command) -> None:
    tried = 0
    for verb, here in [("", program), *_COMMANDS.items()]:
        before = [verb] if verb else []
        for option in filter(_has_one_value, _options(here)):
            name = max(option.opts, key=len)
            outcome = command(*before, name, _value(option), name, _value(option), *([] if verb else ["info"]))
            assert (outcome.code, outcome.stdout) == (2, b"")
            assert f"Expected {name} once, got it 2 times: leave out all but one" in outcome.stderr
            assert outcome.stderr.count("\n") == 1
            tried += 1
    assert tried > 100


def test_an_option_before_and_behind_the_name_of_a_command_is_given_twice(command: Command) -> None:
    for first, second in ((["-c", "a"], ["-c", "b"]), (["-c", "a"], ["--collection=b"]), (["-ca"], ["-cb"])):
        outcome = command(*first, "info", *second)
        assert (outcome.code, outcome.stdout) == (2, b"")
        assert "Expected --collection once, got it before and behind the command's name" in outcome.stderr


def test_who_serves_two_collections_is_told_how(command: Command) -> None:
    outcome = command("serve", "-c", "a", "-c", "b")
    assert outcome.code == 2
    assert "--home FOLDER serves all collections of a folder" in outcome.stderr


def test_one_of_two_that_exclude_each_other_is_refused(command: Command) -> None:
    outcome = command("search", "a.jpg", "--pictures", "--no-pictures")
    assert outcome.code == 2
    assert "Expected --pictures/--no-pictures once" in outcome.stderr


@pytest.mark.parametrize("flags", [["--json", "--json"], ["-q", "-q"], ["-vv", "-v"]])
def test_what_says_the_same_twice_may(command: Command, tmp_path: Path, flags: list[str]) -> None:
    assert "there is no collection" in command(flags[0], "info", "-c", tmp_path / "c", *flags[1:]).stderr


def test_all_commands_that_take_a_path_say_how_one_is_written_that_begins_with_a_dash(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-there").write_bytes(b"")
    (tmp_path / "-c d").write_bytes(b"")
    assert {name for name, one in _COMMANDS.items() if one and _takes_paths(one)} == set(_PATHS) | {"key", "completion"}
    for verb, words in _PATHS.items():
        for path, said in (
            ("-xash.jpg", "If '-xash.jpg' is a path, write ./-xash.jpg."),
            ("-xacation", "If '-xacation' is a path, write ./-xacation."),
            ("-there", "Did you mean the path ./-there?"),
            ("-x d*a.jpg", "If '-x d*a.jpg' is a sum, put -- before it."),
        ):
            outcome = command(verb, *(path if word == "PATH" else word for word in words))
            assert (outcome.code, outcome.stdout) == (2, b"")
            assert said in outcome.stderr
            assert outcome.stderr.count("\n") == 1


def _takes_paths(command: click.Command) -> bool:
    return any(isinstance(one, click.Argument) for one in command.params)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", "-k.jpg"], "If '-k.jpg' is a path, write ./-k.jpg."),
        (["search", "-c.jpg"], "If '-c.jpg' is a path, write ./-c.jpg."),
        (["-dash.jpg"], "If '-dash.jpg' is a path, write ./-dash.jpg."),
        (["index", "-qv", "-quatsch"], "If '-quatsch' is a path, write ./-quatsch."),
    ],
)
def test_a_path_whose_first_letter_is_an_option_is_told_too(command: Command, arguments: list[str], said: str) -> None:
    outcome = command(*arguments)
    assert outcome.code == 2
    assert said in outcome.stderr


def test_a_value_behind_its_option_may_begin_with_a_dash(command: Command) -> None:
    outcome = command("duplicates", "--threshold", "-0.5", "--thr")
    assert "No such option '--thr'" in outcome.stderr
    assert "-0.5" not in outcome.stderr


def test_a_path_behind_two_dashes_is_a_path(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-dash").mkdir()
    for words in (["--", "-dash"], ["./-dash"]):
        assert command("index", "-c", "c", *words).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["help", "search", "x"], "Expected one command behind help, and got 'x' as well: leave it out."),
        (["help", "search", "info"], "and got 'info' as well"),
        (["-q", "help", "search", "x", "y"], "and got 'x', 'y' as well"),
        (["--version", "x"], "Expected no argument with --version, and got 'x' as well"),
        (["--version", "info"], "and got 'info' as well"),
        (["model", "card", "x"], "got 'x'"),
        (["key", "list", "x"], "got 'x'"),
        (["backup", "check", "a", "b"], "got 'a', 'b'"),
        (["completion", "bash", "x"], "and got 'x' as well"),
    ],
)
def test_a_word_too_many_is_told(command: Command, arguments: list[str], said: str) -> None:
    outcome = command(*arguments)
    assert (outcome.code, outcome.stdout) == (2, b"")
    assert said in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_every_command_without_arguments_refuses_one(command: Command) -> None:
    alone = [name for name, one in _COMMANDS.items() if one and not _takes_paths(one)]
    assert {"info", "serve", "worker", "jobs"} <= set(alone)
    for verb in alone:
        assert "Expected no argument, got 'x': leave that out" in command(verb, "x").stderr


def test_help_is_had_before_and_behind_the_name_and_by_its_own(command: Command) -> None:
    wanted = command("search", "--help").stdout
    assert b"QUERY" in wanted
    for arguments in (["help", "search"], ["--help", "search"], ["-h", "search"], ["-q", "help", "search"]):
        assert command(*arguments).stdout == wanted
    assert command("help", "help").stdout == command("help").stdout == command("--help").stdout
