"""Answers of an index elsewhere by the catalog's own vectors, and whole: k wherever k may be answered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.filters import Filter
from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Selection
from lookalike.view.as_searched import as_searched
from lookalike.view.caught_up import ScannedCatalog
from lookalike.view.index_state import Searched
from lookalike.view.rescore import MARGIN, Stored, rescore

_WIDER = (0, 64, 1024)  # so many more are asked for where too many of the nearest are gone


class WholeAnswers:
    """Asks what is searched, and compares what it found with the catalog. Safe to use from many threads.

    What is gone from the catalog is not answered. An index that is far behind lacks some pictures and has others that
    are gone: then it is asked for more, and in the end all of the catalog is compared.

    Args:
        catalog: the truth.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def stored(self, keys: Keys, state: Searched) -> Stored:
        """The vectors of keys as they are searched; those that are gone are left out.

        Args:
            keys: shape (N,), int64, in any order.
            state: what is searched.
        """
        stored = self._catalog.vectors(keys)
        return Stored(stored.keys, as_searched(stored, state.projection))

    def one(self, state: Searched, query: Vectors, k: int, *, among: Selection, recall: float | None) -> Neighbours:
        """The k nearest of one query.

        Args:
            state: what is searched.
            query: shape (1, d), float32, after the projection.
            k: at least 1.
            among: as for the index that is searched: None, a filter, or keys of shape (M,), int64.
            recall: likewise.
        """
        for more in _WIDER:
            found = self._nearest(state, query, k, more, among, recall)
            if self._is_whole(found, k, among):
                return found
        everything = ScannedCatalog(self._catalog, state.projection, count=len(state.index))
        keys = self._catalog.select(among) if isinstance(among, Filter) else among
        return everything.search(query, k, among=keys)

    def each(self, state: Searched, queries: Vectors, k: int, *, among: Selection, recall: float | None) -> Neighbours:
        """The k nearest of several queries: the index is asked once, and the catalog once for what it found.

        Where many of the nearest are gone, fewer than k can be answered, unlike by `one`.

        Args:
            state: what is searched.
            queries: shape (N, d), float32, after the projection.
            k: at least 1.
            among: as for the index that is searched: None, a filter, or keys of shape (M,), int64.
            recall: likewise.
        """
        first = state.index.search(queries, k + MARGIN, among=among, recall=recall)
        rows = self.stored(np.unique(first.keys[first.keys >= 0]), state)

        def search_of(n: int) -> Callable[[int], Neighbours]:
            answered = first._replace(keys=first.keys[n : n + 1], similarities=first.similarities[n : n + 1])

            def search(depth: int) -> Neighbours:
                if depth == k + MARGIN:
                    return answered
                return state.index.search(queries[n : n + 1], depth, among=among, recall=recall)

            return search

        def stored(keys: Keys) -> Stored:
            at = np.isin(rows.keys, keys)
            is_known = np.isin(keys, first.keys).all()
            return Stored(rows.keys[at], rows.vectors[at]) if is_known else self.stored(keys, state)

        found = [rescore(queries[n : n + 1], k, search=search_of(n), stored=stored) for n in range(len(queries))]
        if not found:
            return first._replace(keys=first.keys[:, :k], similarities=first.similarities[:, :k])
        keys, similarities = (np.concatenate(column) for column in zip(*(one[:2] for one in found), strict=True))
        exact = all(one.exact for one in found)
        return first._replace(keys=keys, similarities=similarities, exact=exact, error=0.0)

    def _nearest(
        self, state: Searched, query: Vectors, k: int, more: int, among: Selection, recall: float | None
    ) -> Neighbours:
        """By the catalog's own vectors, of the k and some more that the index gives."""

        def search(depth: int) -> Neighbours:
            return state.index.search(query, depth + more, among=among, recall=recall)

        return rescore(query, k, search=search, stored=lambda keys: self.stored(keys, state))

    def _is_whole(self, found: Neighbours, k: int, among: Selection) -> bool:
        """Whether no more can be answered."""
        count = int((found.keys >= 0).sum())
        if count >= k:
            return True
        if among is None:
            return count >= self._catalog.facts().images
        if isinstance(among, Filter):
            return count >= self._catalog.count(among)
        keys = np.unique(among)
        return count >= len(keys) or count >= len(self._catalog.ids(keys.tolist()))
