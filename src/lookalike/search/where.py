"""A filter in any of the forms that Python users write it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TypeAlias

from lookalike.core.errors import BadFilter
from lookalike.core.filters import Filter

Where: TypeAlias = "str | Mapping[str, object] | Filter | Sequence[str | Mapping[str, object] | Filter] | None"
"""A filter as text (`label = apple and width > 800`), in the API's JSON form, read already; or several, all to hold."""


def read_filter(where: Where) -> Filter:
    """Read a filter in any of its forms.

    Raises:
        BadFilter: when it cannot be understood.
    """
    if where is None:
        return Filter.everything()
    if isinstance(where, list | tuple):
        places = ["where"] if len(where) == 1 else [f"where[{n}]" for n in range(len(where))]
        each = (_one(one, place, where) for one, place in zip(where, places, strict=True))
        return reduce(and_, each, Filter.everything())
    return _one(where, "where", where)


def _one(where: object, place: str, whole: object) -> Filter:
    if isinstance(where, Filter):
        return where
    if isinstance(where, Mapping):
        return Filter.from_json(where)
    if not isinstance(where, str):
        raise BadFilter(
            f'{place}: expected a text such as "label = apple and width > 800", a dict such as '
            f'{{"width": {{"gt": 800}}}}, or a list of those that all hold, got {type(where).__name__}: {where!r:.80}'
            "; leave it out to search all"
        )
    try:
        return Filter.parse(where)
    except BadFilter as error:
        if where is whole:
            raise
        raise BadFilter(f"{place}: {error}{_hint(whole)}") from error


def _hint(whole: object) -> str:
    """For a list that looks like field, operator and value of one condition."""
    if isinstance(whole, list | tuple) and len(whole) == 3 and not any(" " in str(part).strip() for part in whole):
        return f"; one condition is one text: {' '.join(map(str, whole))!r:.80}"
    return ""
