"""The tail: what has changed in the catalog since an index elsewhere has taken its changes in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from lookalike.catalog.base import CHANGES_AT_ONCE, Catalog
from lookalike.catalog.feed_pages import pages_since
from lookalike.core.records import Change, ChangeKind, Cursor
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.projection import Projection
from lookalike.view.as_searched import as_searched

MOST = 20_000
"""So many changed pictures are compared by who searches; beyond, the newest are missing until the index has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tail:
    """What an index elsewhere does not know yet. It never changes; `extend` gives the next one.

    Of a picture whose change the index has taken in meanwhile it tells the same as that, so that nothing goes wrong
    where it reaches back further than it need.

    Attributes:
        keys: of the pictures that have changed, shape (N,), int64, ascending: what the index says of them is old.
        there: of these, the keys of those that are in the collection, shape (M,), int64, ascending.
        vectors: shape (M, d), float32, of length 1 or 0; row m belongs to `there[m]`.
        cursor: it tells all changes up to this place in the catalog's feed.
        complete: whether there was nothing after them.
    """

    keys: Keys
    there: Keys
    vectors: Vectors
    cursor: Cursor
    complete: bool


def empty_tail(dimension: int, cursor: Cursor) -> Tail:
    """The tail of an index that has taken in everything up to a place in the feed."""
    no_keys = np.empty(0, np.int64)
    return Tail(
        keys=no_keys, there=no_keys, vectors=np.empty((0, dimension), np.float32), cursor=cursor, complete=False
    )


def extend(
    tail: Tail,
    catalog: Catalog,
    projection: Projection | None,
    *,
    kinds: Collection[ChangeKind] | None,
    most: int = MOST,
) -> Tail:
    """The same with what has changed since.

    Args:
        tail: as it was.
        catalog: the truth.
        projection: that the index's vectors have passed.
        kinds: of changes that the index takes in; None for all.
        most: so many changed pictures it holds at most, and one page more; then it ends before the end of the feed.
    Raises:
        CursorUnknown: when it was of another history than the catalog has now.
    """
    if len(tail.keys) > most:
        return replace(tail, complete=tail.cursor == catalog.cursor())
    for page in pages_since(catalog, tail.cursor, kinds=kinds, limit=min(most, CHANGES_AT_ONCE)):
        tail = replace(_with(tail, catalog, projection, _keys_of(page.changes)), cursor=page.cursor)
        if len(tail.keys) > most:
            return replace(tail, complete=page.complete)
    return replace(tail, complete=True)


def _keys_of(changes: Collection[Change]) -> Keys:
    return np.unique(np.array([change.key for change in changes], np.int64))


def _with(tail: Tail, catalog: Catalog, projection: Projection | None, changed: Keys) -> Tail:
    if not len(changed):
        return tail
    stored = catalog.vectors(changed)
    stays = ~np.isin(tail.there, changed)
    there = np.concatenate([tail.there[stays], stored.keys])
    vectors = np.concatenate([tail.vectors[stays], as_searched(stored, projection)])
    order = np.argsort(there)
    return replace(tail, keys=np.union1d(tail.keys, changed), there=there[order], vectors=vectors[order])
