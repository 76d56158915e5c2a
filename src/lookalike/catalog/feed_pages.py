"""Reading a catalog's change feed to its end: what an index, or whatever is made of vectors, takes in."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from lookalike.catalog.base import CHANGES_AT_ONCE, Catalog
from lookalike.core.errors import CatalogDamaged
from lookalike.core.records import INDEXED, ChangeKind, ChangePage, Cursor
from lookalike.core.vectors import Keys


def pages_since(
    catalog: Catalog,
    cursor: Cursor,
    *,
    kinds: Collection[ChangeKind] | None = INDEXED,
    limit: int = CHANGES_AT_ONCE,
) -> Iterator[ChangePage]:
    """What has become of pictures and vectors after a place in the feed, until there is nothing more.

    Args:
        catalog: whose feed it is.
        cursor: the place.
        kinds: that are told; None for all.
        limit: how many changes a page has at most.
    Raises:
        CursorUnknown: when the place is not of the catalog's history.
        CatalogDamaged: when the feed has more to tell and does not get on: nobody would come to its end.
    """
    page = ChangePage([], cursor, complete=False)
    while not page.complete:
        before = page.cursor
        page = catalog.changes(before, kinds=kinds, limit=limit)
        yield page
        if page.cursor == before and not page.complete:
            raise CatalogDamaged(
                f"expected the change feed to get on from {before!r}, got the same place again: look at the catalog "
                "with `lookalike doctor`"
            )


def removals_of(page: ChangePage) -> Keys:
    """The pictures that are gone: keys, shape (n,), int64, in the order of the page."""
    return np.array([change.key for change in page.changes if change.kind is ChangeKind.REMOVED], np.int64)


def put_of(page: ChangePage) -> Keys:
    """The pictures that came or have another vector: keys, shape (n,), int64, in the order of the page."""
    return np.array([change.key for change in page.changes if change.kind is ChangeKind.VECTOR], np.int64)


def find_labelled(page: ChangePage) -> Keys:
    """The pictures whose vectors are as they were: keys, shape (n,), int64, in the order of the page."""
    return np.array([change.key for change in page.changes if change.kind is ChangeKind.METADATA], np.int64)
