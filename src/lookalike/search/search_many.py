"""Several searches together: one product of matrices in place of many of a vector, and the same replies."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np

from lookalike.catalog.base import MAIN
from lookalike.core.records import Neighbours
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.search import Looked, Query, Wanted, depth_of, search
from lookalike.search.selecting import select
from lookalike.search.timings import Timings
from lookalike.view.candidates import Found, single_candidates

MOST_AT_ONCE = 32
"""More gain little, and would be projected in another way than one."""


def search_many(
    queries: Sequence[Query], parts: Parts, wanted: Wanted, *, before_ms: dict[str, float] | None = None
) -> list[Reply]:
    """Answer several queries that want the same.

    Where all vectors are compared, one product of matrices takes the place of many of a vector. An approximate index,
    groups, mixtures and reranking gain nothing: those are searched one by one.

    Args:
        queries: of which none needs another.
        parts: the collection.
        wanted: how many of what.
        before_ms: by stage, what was done for all of them before, in milliseconds; told with each, not in its total.
    Returns:
        for each query the reply that `search` gives, but for the timings, whose `search` is that of all together where
        it was first needed.
    Raises:
        BadQuery: as `search`.
    """
    replies: list[Reply] = []
    for start in range(0, len(queries), MOST_AT_ONCE):
        some = queries[start : start + MOST_AT_ONCE]
        timings = [Timings(before_ms) for _ in some]
        together = _Together(some, parts, wanted)
        replies += [
            search(query, parts, wanted=wanted, timings=timings[n], ahead=partial(together.look, n))
            for n, query in enumerate(some)
        ]
    return replies


class _Together:
    """Looks all queries up when the first of them is not found among known answers."""

    def __init__(self, queries: Sequence[Query], parts: Parts, wanted: Wanted) -> None:
        self._queries = queries
        self._parts = parts
        self._wanted = wanted
        self._version: tuple[Hashable, ...] | None = None
        self._looked: list[Looked] = []

    def look(self, n: int, version: tuple[Hashable, ...]) -> Looked | None:
        """What was found for the n-th query; None where the collection is another by now, or it was not looked up."""
        if self._version is None:
            self._version = version[0], self._parts.view.generation  # the first search may have made the index
            self._looked = self._look()
        elif version != self._version:
            return None
        return self._looked[n] if self._looked else None

    def _look(self) -> list[Looked]:
        view, wanted = self._parts.view, self._wanted
        facts = view.facts()
        is_plain = not (wanted.grouped or wanted.mixture or wanted.rerank or wanted.without is not None)
        if len(self._queries) == 1 or not is_plain or facts.recall < 1:
            return []
        those = select(wanted.where, self._parts, count=facts.count)
        vectors = np.concatenate([query.vectors[MAIN] for query in self._queries])
        depth = depth_of(wanted, facts)
        found = view.search(vectors, min(depth, max(those.total, 1)), among=those.among, recall=wanted.recall)
        if not found.exact or found.error > 0:
            return []
        best = np.unique(found.keys[:, : wanted.k])
        pictures = self._parts.catalog.pictures(best[best >= 0].tolist())
        return [Looked(facts, those.total, _of_row(found, n), pictures) for n in range(len(vectors))]


def _of_row(found: Neighbours, n: int) -> Found:
    row = Neighbours(found.keys[n : n + 1], found.similarities[n : n + 1], *found[2:])
    return single_candidates(row)
