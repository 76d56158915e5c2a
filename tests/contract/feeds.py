"""Reading a change feed to its end, as those do who follow a catalog."""

from __future__ import annotations

from collections.abc import Collection

from lookalike.catalog.base import Catalog
from lookalike.core.records import START, Change, ChangeKind, Cursor


def changes_since(
    catalog: Catalog,
    since: Cursor = START,
    *,
    kinds: Collection[ChangeKind] | None = None,
    limit: int = 4096,
) -> list[Change]:
    """All changes after a place, page by page; each page is held to what it promises."""
    found: list[Change] = []
    cursor, complete = since, False
    while not complete:
        changes, after, complete = catalog.changes(cursor, kinds=kinds, limit=limit)
        assert len(changes) <= limit
        assert len({change.key for change in changes}) == len(changes)
        assert catalog.follows(after)
        assert complete or after != cursor, "a page that gets nowhere"
        found += changes
        cursor = after
    return found


def keys_since(catalog: Catalog, since: Cursor = START) -> list[int]:
    """The pictures that have changed after a place, in the order of their changes."""
    return [change.key for change in changes_since(catalog, since)]
