"""The reference names every command with every option, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from lookalike.cli.main import COMMANDS, program
from lookalike.cli.session import OBEYED_BY, common_options, is_obeyed
from tests.e2e.conftest import Command

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", REFERENCE.read_text(), re.MULTILINE | re.DOTALL))
COMMON = {name for option in common_options() for name in option.opts} | {"-h", "--help", "--version"}
VALUES = {"--projection": ["auto"], "--recall": ["0.9"], "--threads": ["1"], "--json": []}
"""What stands behind a common option; of the others, any text can."""

NEEDED = {
    "search": ["x.jpg"],
    "index": ["x"],
    "knn": ["a.npy", "b.npy"],
    "export": ["x.csv"],
    "import": ["x.jsonl"],
    "key": ["list"],
    "backup": ["check", "x"],
    "completion": ["bash"],
}
"""The arguments without which a command cannot be understood."""


def options_in(text: str) -> set[str]:
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
    return {name for row in rows for name in re.findall(r"`(-[-\w]+)", row)}


def options_of(command: click.Command) -> set[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def found(name: str) -> click.Command:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return command


def test_the_common_options_are_documented() -> None:
    assert options_in(SECTIONS["Options of many commands"]) == COMMON


def test_the_commands_of_each_common_option_are_documented() -> None:
    rows = [line.split(" | ") for line in SECTIONS["Options of many commands"].splitlines() if line.startswith("| `-")]
    told = {name: row[-1] for row in rows for name in re.findall(r"`(-[-\w]+)", row[0])}
    for option in common_options():
        said = told[max(option.opts, key=len)]
        obeyed_by = OBEYED_BY.get(str(option.name))
        assert said.rstrip(" |") == "all" if obeyed_by is None else set(re.findall(r"`(\w+)`", said)) == set(obeyed_by)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented_with_its_options(name: str) -> None:
    common = {one for option in common_options() if is_obeyed(str(option.name), by=name) for one in option.opts}
    assert options_in(SECTIONS[name]) == options_of(found(name)) - common


def test_nothing_else_is_documented() -> None:
    assert set(SECTIONS) - {"Options of many commands", "Exit codes", "What is overwritten"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_help(name: str) -> None:
    command = found(name)
    assert command.help
    assert not command.get_short_help_str().endswith("...")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_a_command_does_not_obey_is_an_error_with_a_hint(name: str, command: Command) -> None:
    for option in common_options():
        obeyed_by = OBEYED_BY.get(str(option.name), tuple(COMMANDS))
        if name in obeyed_by:
            assert option.name in {one.name for one in found(name).params}
            continue
        spelled = max(option.opts, key=len)
        said = [spelled, *VALUES.get(spelled, ["x"])]
        if (name, spelled) != ("key", "--collection"):  # which has one of its own, of another meaning
            outcome = command(name, *said)
            assert (outcome.code, outcome.stdout) == (2, b"")
            assert f"No such option '{spelled}' here: it is one of {', '.join(obeyed_by[:-1])}" in outcome.stderr
        before = command(*said, name, *NEEDED.get(name, []))
        assert (before.code, before.stdout) == (2, b"")
        assert f"No such option '{spelled}' here: it is one of" in before.stderr
