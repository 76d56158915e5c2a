"""The words behind commands that have several verbs, such as `lookalike model add NAME SOURCE`."""

from __future__ import annotations

from collections.abc import Sequence

import click


def check_words(command: str, verb: str, wanted: Sequence[str], got: Sequence[str]) -> None:
    """Refuse more or fewer words than a verb takes.

    Args:
        command: its name.
        verb: what it is to do.
        wanted: what the words behind it are called.
        got: the words that came.
    Raises:
        UsageError: when there are not as many.
    """
    if len(got) == len(wanted):
        return
    came = ", ".join(map(repr, got)) or "nothing behind it"
    more = ", ".join(map(repr, got[len(wanted) :]))
    advice = f"leave out {more}" if more else f"add {' '.join(wanted[len(got) :])}"
    raise click.UsageError(f"Expected `lookalike {' '.join((command, verb, *wanted))}`, got {came}: {advice}.")
