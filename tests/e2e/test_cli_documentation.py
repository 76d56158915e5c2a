"""The reference names every command with every option, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from lookalike.cli.main import COMMANDS, program
from lookalike.cli.session import common_options

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", REFERENCE.read_text(), re.MULTILINE | re.DOTALL))
COMMON = {name for option in common_options() for name in option.opts} | {"-h", "--help", "--version"}


def options_in(text: str) -> set[str]:
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
    return {name for row in rows for name in re.findall(r"`(-[-\w]+)`", row)}


def options_of(command: click.Command) -> set[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def found(name: str) -> click.Command:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return command


def test_the_common_options_are_documented() -> None:
    assert options_in(SECTIONS["Options of every command"]) == COMMON


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented_with_its_options(name: str) -> None:
    assert options_in(SECTIONS[name]) == options_of(found(name)) - COMMON


def test_nothing_else_is_documented() -> None:
    assert set(SECTIONS) - {"Options of every command", "Exit codes", "What is overwritten"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_knows_the_common_options_and_has_a_help(name: str) -> None:
    command = found(name)
    assert options_of(command) >= COMMON - {"-h", "--help", "--version"}
    assert command.help
    assert not command.get_short_help_str().endswith("...")
