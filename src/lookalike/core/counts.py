"""Numbers that say how many."""

from __future__ import annotations

import operator
from typing import SupportsIndex

from lookalike.core.errors import BadQuery


def as_count(value: SupportsIndex, *, name: str, least: int = 1) -> int:
    """A whole number from outside, of whatever library, as an int.

    Args:
        value: an int, or one of numpy or the like; no truth value, and no float, not even a whole one.
        name: what it is, for the message.
        least: the smallest that is taken.
    Raises:
        BadQuery: when it is something else.
    """
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise BadQuery(
            f"expected {name} as a whole number, got {type(value).__name__}: {value!r:.80}"
            "; round it, or convert it with int()"
        )
    if count < least:
        raise BadQuery(f"expected {name} of at least {least}, got {count}; leave it out for the usual number")
    return count
