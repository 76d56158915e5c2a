"""What a search may answer: all, the keys that pass its filter, or the filter itself where the index takes that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lookalike.core.filters import Filter
from lookalike.core.vectors import Keys
from lookalike.index.base import Selection
from lookalike.parts.parts import Parts


class Selected(NamedTuple):
    """What may be answered.

    Attributes:
        among: as an index is told it: keys, shape (A,), int64, a filter, or None.
        total: how many pictures that are.
    """

    among: Selection
    total: int


def select(where: Filter, parts: Parts, *, count: int, without: int | None = None, as_keys: bool = False) -> Selected:
    """What passes a filter, as the collection's index takes it.

    Args:
        where: the filter; one that asks for nothing selects all.
        parts: the collection.
        count: how many pictures its index holds.
        without: key of a picture that does not count; `among` names it all the same, but where it is keys.
        as_keys: keys are needed in any case, as where several models are weighed.
    """
    if not where:
        return Selected(None, count - int(without is not None))
    if parts.view.takes_filters and not where.is_about_files and not as_keys:
        return Selected(where, parts.catalog.count(where) - _is_among(without, where, parts))
    keys = parts.catalog.select(where)
    if without is not None:
        keys = keys[keys != without]
    return Selected(keys, len(keys))


def keep_shown(keys: Keys, among: Selection, parts: Parts) -> Keys:
    """Which of some keys may be shown.

    Args:
        keys: shape (N,), int64, each once.
        among: what may be answered: keys, shape (A,), int64, a filter, or None.
        parts: the collection.
    Returns:
        shape (M,), int64, ascending.
    """
    if among is None:
        return np.sort(keys)
    if isinstance(among, Filter):
        return parts.catalog.passing(keys, among)
    return np.intersect1d(keys, among)


def _is_among(key: int | None, where: Filter, parts: Parts) -> int:
    return 0 if key is None else len(parts.catalog.passing(np.array([key], np.int64), where))
