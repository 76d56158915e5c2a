"""What may have been meant by the name of a command, an option or a file that is not there, or by that of a folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence

import click

from lookalike.cli.session import OBEYED_BY, common_options, not_obeyed
from lookalike.core.errors import BadQuery
from lookalike.core.meant import entry_meant

_ALIKE = 0.8  # below, another option is as likely to be wrong as right
_ELSEWHERE = dict.fromkeys(("top", "top-k", "topk", "limit", "number", "num", "count", "results", "neighbours"), "-k")
"""How other programs call options of ours."""


def no_such_command(name: str, known: Iterable[str]) -> str:
    """What to say of a command that is not there."""
    from difflib import get_close_matches  # slow to import, for an error alone

    alike = get_close_matches(name, known, n=2, cutoff=0.6)
    if not alike and os.path.exists(os.path.expanduser(name)):
        verb = "index" if os.path.isdir(os.path.expanduser(name)) else "search"
        return f"Expected a command first, got the path {name!r}. Did you mean `lookalike {verb} {shlex.quote(name)}`?"
    return f"No such command {name!r}. " + (
        f"Did you mean {' or '.join(alike)}?" if alike else f"There are {', '.join(known)}; see what each does."
    )


def no_such_option(error: click.NoSuchOption) -> str:
    """What to say of an option that is not there: where it belongs, or what may have been meant by it."""
    option, context = error.option_name, error.ctx
    meant = _option_meant(option, context)
    if meant is None and context is not None and isinstance(context.command, click.Group):
        behind = _commands_with(option, context, context.command)
        if behind:
            return f"No such option {option!r} before a command: it stands behind {' or '.join(behind)}."
    for common in common_options():
        if option in common.opts and common.name in OBEYED_BY:
            return not_obeyed(option, OBEYED_BY[common.name])
    if os.path.exists(option):
        meant = f"the path ./{option}"
    return f"No such option {option!r}." + (f" Did you mean {meant}?" if meant else "")


def dashed_path(arguments: Sequence[str], with_value: set[str], *, letter: str) -> str:
    """What to add where a word may be a path, or a sum, that begins with a dash and was read as options; else nothing.

    Args:
        arguments: of the command line.
        with_value: the options behind which stands a value, which is none of these words.
        letter: the one that is no option, which the word has to have; '' where that is not what was wrong: then it has
            to look like a file, or be there.
    """
    for n, word in enumerate(arguments):
        if word == "--":
            break
        if not word.startswith("-") or word[:2] == "--" or len(word) < 3 or (n and arguments[n - 1] in with_value):
            continue
        if os.path.lexists(word):
            return f" Did you mean the path {shlex.quote('./' + word)}?"
        if " " in word or "*" in word:
            return f" If {word!r} is a sum, put -- before it."
        if letter in word[1:] if letter else "." in word:
            return f" If {word!r} is a path, write {shlex.quote('./' + word)}."
    return ""


def _option_meant(option: str, context: click.Context | None) -> str | None:
    """One of the command's options that is nearly spelled so, or bears that name elsewhere."""
    from difflib import get_close_matches

    there = [] if context is None else [name for one in context.command.params for name in one.opts]
    names = {name.lstrip("-"): name for name in there if name.startswith("--")}
    names |= {name: ours for name, ours in _ELSEWHERE.items() if ours in there and name not in names}
    alike = get_close_matches(option.lstrip("-"), names, n=1, cutoff=_ALIKE)
    return names[alike[0]] if alike else None


def _commands_with(option: str, context: click.Context, group: click.Group) -> list[str]:
    commands = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [name for name, one in commands if one is not None and any(option in param.opts for param in one.params)]


def check_query_file(query: str) -> None:
    """Refuse the name of a folder, and one that is nearly that of a file.

    Raises:
        BadQuery: which says what to do.
    """
    path = os.path.expanduser(query)
    if query and os.path.isdir(path):
        raise BadQuery(
            f"expected a picture to search for, but {query!r} is a folder: name one of its files; "
            "`lookalike index FOLDER` takes all of them in"
        )
    looks_like_a_file = "." in os.path.basename(path) and "://" not in query and not any(sign in query for sign in "*+")
    if looks_like_a_file and not os.path.exists(path) and (meant := entry_meant(path)) is not None:
        raise BadQuery(f"{query!r} is no file that exists. Did you mean {meant}?")
