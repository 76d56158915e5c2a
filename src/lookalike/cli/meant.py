"""What may have been meant by the name of a command, an option or a file that is not there, or by that of a folder."""

from __future__ import annotations

import os
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
    return f"No such command {name!r}. " + (
        f"Did you mean {' or '.join(alike)}?" if alike else f"There are {', '.join(known)}."
    )


def no_such_option(error: click.NoSuchOption) -> str:
    """What to say of an option that is not there: one that is nearly spelled like it, or bears that name elsewhere."""
    from difflib import get_close_matches

    there = [] if error.ctx is None else [name for one in error.ctx.command.params for name in one.opts]
    names = {name.lstrip("-"): name for name in there if name.startswith("--")}
    names |= {name: ours for name, ours in _ELSEWHERE.items() if ours in there and name not in names}
    alike = get_close_matches(error.option_name.lstrip("-"), names, n=1, cutoff=_ALIKE)
    meant = f" Did you mean {names[alike[0]]}?" if alike else ""
    place = error.ctx.command_path if error.ctx else "lookalike"
    for option in common_options():
        if error.option_name in option.opts and option.name in OBEYED_BY:
            return f"{not_obeyed(error.option_name, OBEYED_BY[option.name])} (see {place} --help)"
    return f"No such option {error.option_name!r}.{meant} (see {place} --help)"


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
