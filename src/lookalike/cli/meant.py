"""What may have been meant by the name of a command, an option or a file that is not there, or by that of a folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

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
        f"Did you mean {' or '.join(alike)}?" if alike else f"There are {', '.join(known)}."
    )


def no_such_option(error: click.NoSuchOption) -> str:
    """What to say of an option that is not there: where it belongs, or what may have been meant by it."""
    option, context = error.option_name, error.ctx
    place = context.command_path if context else "lookalike"
    return f"{_said_of(option, context)} (see {place} --help)"


def _said_of(option: str, context: click.Context | None) -> str:
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
