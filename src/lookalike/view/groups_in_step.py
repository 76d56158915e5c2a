"""Groups of near-identical pictures, kept in step with the index."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.catalog.feed_pages import pages_since, put_of, removals_of
from lookalike.core.ending import turn_of
from lookalike.core.errors import CursorUnknown
from lookalike.core.records import Cursor
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.projection import Projection
from lookalike.view.as_searched import as_searched
from lookalike.view.index_state import Searched

if TYPE_CHECKING:
    from lookalike.index.groups import Groups


class _Following(NamedTuple):
    """Groups, what they were made with, and how far they have followed the catalog."""

    groups: Groups
    projection: Projection | None
    cursor: Cursor


class GroupsInStep:
    """Made when first asked for, and brought up to date by the change feed; made anew with a new projection."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._now: _Following | None = None

    def is_outdated(self, state: Searched) -> bool:
        """Whether there are groups, which were made with another projection than the index has."""
        return self._now is not None and self._now.projection is not state.projection

    def in_step(self, catalog: Catalog, state: Searched, *, renew: bool = True) -> Groups:
        """The groups of what an index holds, or of a little more where changes have come just now.

        Args:
            catalog: the collection's.
            state: its index.
            renew: make them anew where the projection is another one; else those that there are go on.
        """
        with turn_of(self._changing):
            now = self._now
            if now is None or (renew and now.projection is not state.projection):
                now = _make(catalog, state)
            elif now.cursor != state.cursor:
                try:
                    now = _follow(now, catalog)
                except CursorUnknown:  # the catalog's history is another one now
                    now = _make(catalog, state)
            self._now = now
            return now.groups

    def renew(self, catalog: Catalog, state: Searched) -> None:
        """Make outdated ones anew; who asks meanwhile is given those that there are."""
        if self.is_outdated(state):
            made = _make(catalog, state)
            with turn_of(self._changing):
                self._now = made


def _make(catalog: Catalog, state: Searched) -> _Following:
    from lookalike.index.groups import Groups  # which most searches do not need
    from lookalike.view.building import vectors_of_catalog

    cursor, projection = catalog.cursor(), state.projection
    groups = Groups(state.index.dimension, vectors_of=lambda keys: _vectors_of(keys, catalog, projection))
    for keys, vectors in vectors_of_catalog(catalog, projection):
        groups.upsert(keys, vectors)
    return _Following(groups, projection, cursor)


def _follow(now: _Following, catalog: Catalog) -> _Following:
    for page in pages_since(catalog, now.cursor):
        if page.changes:
            put = put_of(page)
            keys, vectors = _vectors_of(put, catalog, now.projection)
            now.groups.remove(np.concatenate([removals_of(page), np.setdiff1d(put, keys)]))
            now.groups.upsert(keys, vectors)
        now = now._replace(cursor=page.cursor)
    return now


def _vectors_of(keys: Keys | Sequence[int], catalog: Catalog, projection: Projection | None) -> tuple[Keys, Vectors]:
    stored = catalog.vectors(keys)
    return stored.keys, as_searched(stored, projection)
