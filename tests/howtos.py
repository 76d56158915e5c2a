"""The shell commands of a page of documentation: those in blocks, then those within its sentences."""

from __future__ import annotations

import re
import shlex

import click

from lookalike.cli.main import COMMANDS, program
from lookalike.cli.session import Session

PROGRAMS = ("lookalike", "pip", "make", "chmod", "sha256sum", "python", "curl")
"""With whose names a line or a piece of code within a sentence begins that is a command."""

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK_LINE = re.compile(r"^ {4}(\S(?:.*\\\n)*.*)$", re.MULTILINE)
_WITHIN = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"\s+# .*$")


def commands_of(page: str) -> list[str]:
    """What a reader of a page types, each once: the lines of its blocks in their order, then what its sentences name.

    An option that a sentence names, by its long name or with a value, belongs to the last command before it that knows
    it. What lacks an argument that is needed, such as `lookalike index`, only speaks of a command.
    """
    text = _FENCED.sub("", page)
    in_blocks: list[str] = []
    in_sentences: list[str] = []
    before: list[str] = []
    for piece in re.finditer(f"{_BLOCK_LINE.pattern}|{_WITHIN.pattern}", text, re.MULTILINE):
        if piece[1] is not None and _is_command(piece[1]):
            in_blocks.append(_COMMENT.sub("", re.sub(r"\s*\\\n\s*", " ", piece[1])))
            before.append(in_blocks[-1])
        elif piece[2] is not None and (command := _within(" ".join(piece[2].split()), before)) is not None:
            in_sentences.append(command)
            if not piece[2].startswith("-"):
                before.append(command)
    return list(dict.fromkeys(in_blocks + in_sentences))


def is_understood(command: str) -> bool:
    """Whether it is a command of ours with words that it takes."""
    try:
        words = shlex.split(command)
        with program.make_context("lookalike", words[1:], obj=Session()) as context:
            at = next((n for n, word in enumerate(words) if word in COMMANDS), 0)
            found = program.get_command(context, words[at])
            if words[0] == "lookalike" and found is not None:
                found.make_context(words[at], words[at + 1 :], parent=context)
                return True
    except (click.UsageError, ValueError):  # not understood, or quotes that do not end
        pass
    return False


def _within(code: str, before: list[str]) -> str | None:
    """The command that a piece of code within a sentence is, if it is one."""
    word, _, rest = code.partition(" ")
    if code.startswith("--") or (code.startswith("-") and rest):
        longer = next((f"{command} {code}" for command in reversed(before) if is_understood(f"{command} {code}")), None)
        return None if longer is None or code in longer.removesuffix(code) else longer
    if word in COMMANDS and rest and is_understood(f"lookalike {code}"):
        return f"lookalike {code}"
    is_whole = len(rest.split()) > 1 if word == "lookalike" else rest
    return code if _is_command(code) and (is_whole or is_understood(code)) else None


def _is_command(line: str) -> bool:
    return line.partition(" ")[0] in PROGRAMS
