"""The nearest rows of vectors in float64: shortlisted in float32, compared and proven in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.brute_force import DEFAULT_MEMORY_BYTES, Nearest
from lookalike.index.float64.narrowing import Narrowed
from lookalike.index.float64.reading import as_float64
from lookalike.index.float64.values import Prepared, Wide, values_of
from lookalike.index.shortlist.best import Best

Search32 = Callable[[Vectors, Vectors, int], Nearest]
"""Finds the k nearest of float32 rows, exactly."""

SPARE = 13
"""By how much the first shortlist is longer than the answer."""
WIDENED = 8
"""How many times longer the next one is."""
_LONGEST = 1024
"""The longest; what it does not prove is compared with every row."""
_MOST_ROWS, _LEAST_ROWS = 1 << 17, 1024


def nearest_in_float64(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    k: int,
    *,
    metric: Metric,
    search: Search32,
    start: int = 0,
    memory_bytes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Nearest:
    """Find the k nearest rows of each query, without fail, in the order that float64 gives.

    Args:
        base: shape (N, D), any real dtype; read in pieces, once.
        queries: shape (Q, D), any real dtype.
        k: at least 1; may be larger than N.
        metric: how near two vectors are.
        search: finds the nearest by the same metric.
        start: the number of the first query, for errors.
        memory_bytes: what to take beside what `search` takes; None for 1 GiB.
        progress: is told the rows that have been compared, and N, after every piece.
    Raises:
        BadVectors: when a value is not finite, or float64 does not hold it exactly; names the row.
    """
    wanted = Prepared.of(as_float64(queries, name="queries", start=start), metric)
    best = Best.nothing(len(wanted.vectors), k, metric, np.float64)
    budget = DEFAULT_MEMORY_BYTES if memory_bytes is None else memory_bytes
    step = max(_LEAST_ROWS, min(_MOST_ROWS, budget // (64 * max(1, base.shape[1]))))
    for first in range(0, len(base), step):
        piece = Prepared.of(as_float64(base[first : first + step], name="base", start=first), metric)
        _Piece(piece, wanted, metric, first, best, search).run()
        if progress is not None:
            progress(first + len(piece.vectors), len(base))
    widened = int(best.widened.sum())
    return Nearest(best.labels, best.values, proven=1 - widened / max(1, len(best.labels)), widened=widened)


class _Piece:
    """Some rows of the base, whose answers are taken into those that are known."""

    def __init__(
        self, rows: Prepared, queries: Prepared, metric: Metric, first: int, best: Best, search: Search32
    ) -> None:
        self._rows, self._queries, self._metric, self._first = rows, queries, metric, first
        self._best, self._search = best, search
        self._narrowed = Narrowed.of(rows, queries, metric)

    def run(self) -> None:
        N, k = len(self._rows.vectors), self._best.labels.shape[1]
        left, length = np.arange(len(self._queries.vectors)), min(N, k + SPARE)
        while len(left) and (length <= _LONGEST or length == min(N, k + SPARE)):
            unproven = left[~self._by_shortlist(left, length)]
            self._best.widened[unproven] = True
            left, length = unproven, min(N, length * WIDENED)
        for query in left:
            self._by_all(int(query))

    def _by_shortlist(self, left: NDArray[np.intp], length: int) -> NDArray[np.bool_]:
        """Take the answers of the queries that a shortlist is proven to hold; says of which."""
        found = self._search(self._narrowed.rows, self._narrowed.queries[left], length)
        values = np.stack([self._values(int(query), rows) for query, rows in zip(left, found.rows, strict=True)])
        proven = np.full(len(left), length == len(self._rows.vectors))
        if not proven.all():
            outside = self._narrowed.outside(found.values[:, -1], left)
            kth = self._kth(left, values)
            proven = kth > outside if self._metric.higher_is_closer else kth < outside
        self._take(np.repeat(left[proven], length), found.rows[proven].ravel(), values[proven].ravel())
        return proven

    def _kth(self, left: NDArray[np.intp], values: Wide) -> Wide:
        k = self._best.labels.shape[1]
        sign = -1 if self._metric.higher_is_closer else 1
        all_values = np.concatenate([self._best.values[left], values], axis=1) * sign
        return np.asarray(np.partition(all_values, k - 1, axis=1)[:, k - 1] * sign)

    def _by_all(self, query: int) -> None:
        k = self._best.labels.shape[1]
        values = self._values(query, slice(None))
        order = np.lexsort((np.arange(len(values)), -values if self._metric.higher_is_closer else values))[:k]
        self._take(np.full(len(order), query), order, values[order])

    def _values(self, query: int, rows: NDArray[np.integer] | slice) -> Wide:
        return values_of(self._rows.of_rows(rows), self._queries.of_rows(slice(query, query + 1)), self._metric)

    def _take(self, askers: NDArray[np.intp], rows: NDArray[np.int64], values: Wide) -> None:
        if len(askers):
            self._best.take(askers, rows + self._first, values)
