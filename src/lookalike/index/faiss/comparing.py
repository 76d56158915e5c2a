"""Comparing queries with rows, so that equal rows come out equal wherever they lie.

A query is rounded to whole numbers too. A product of a row of 16 bits and a query of 30 is then a sum of whole numbers
below 2^53 for any width up to 65,536: float64 holds it exactly, in whatever order it is added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys, Vectors
from lookalike.index.faiss.columns import Column, Slots

_QUERY_BITS = 30
_BLOCK = 2048
_SIMILARITIES_AT_ONCE = 8_000_000
_FLOAT_ERROR = 2.0**-22
"""Of bringing a vector and a query to length 1 in float32, and of an answer in float32."""


def error_of(rows_error: float, D: int) -> float:
    """How far a similarity can be from the cosine, given how far rows are from their vectors."""
    query_error = float(np.sqrt(D)) * 2.0**-_QUERY_BITS
    return rows_error + query_error + _FLOAT_ERROR


class Query(NamedTuple):
    """A query as it is compared.

    Attributes:
        numbers: shape (D,), float64, whole numbers.
        scale: 1 over their length; 0 for a query of zeros.
    """

    numbers: NDArray[np.float64]
    scale: float


class Best(NamedTuple):
    """The nearest, best first, ties by key.

    Attributes:
        keys: shape (at most k,), int64.
        similarities: shape (at most k,), float32.
    """

    keys: Keys
    similarities: NDArray[np.float32]


class Table(NamedTuple):
    """All that is compared, by slot.

    Attributes:
        keys: shape (N,), int64.
        rows: shape (N, D), int16.
        scales: shape (N,), float64, as `quantise` gives them.
    """

    keys: Column[np.int64]
    rows: Column[np.int16]
    scales: Column[np.float64]

    def best_of(self, slots: Slots, query: Query, k: int) -> Best:
        """The k nearest among some slots; takes little more than a tenth of a microsecond a slot at 128 dimensions.

        Args:
            slots: shape (M,), int64.
            query: one.
            k: at least 1.
        """
        products = np.vecdot(self.rows.take(slots).astype(np.float64), query.numbers)
        similarities = _round(products * self.scales.take(slots), query.scale)
        chosen = _at_least_the_kth(similarities, k)
        return _sort(self.keys.take(slots[chosen]), similarities[chosen], k)

    def scan(
        self, slots: Slots | None, alive: NDArray[np.bool_] | None, queries: list[Query], k: int
    ) -> Iterator[Best]:
        """The k nearest of each query, every row compared.

        Args:
            slots: shape (S,), int64: those to compare; None for all.
            alive: shape (M,), bool, where all are: whether each of the first M may be answered. Others are not
                compared.
            queries: Q of them.
            k: at least 1.
        """
        end = len(alive) if alive is not None else 0
        count = end if slots is None else len(slots)
        at_once = max(1, _SIMILARITIES_AT_ONCE // max(1, count))
        for start in range(0, len(queries), at_once):
            some = queries[start : start + at_once]
            similarities = self._similarities(slots, end, some, count)
            for row in similarities:
                if alive is not None and slots is None:
                    row[~alive] = -np.inf
                chosen = _at_least_the_kth(row, k)
                chosen = chosen[row[chosen] > -np.inf]
                yield _sort(self.keys.take(chosen if slots is None else slots[chosen]), row[chosen], k)

    def _similarities(self, slots: Slots | None, end: int, queries: list[Query], count: int) -> NDArray[np.float32]:
        numbers = np.stack([query.numbers for query in queries], axis=1)
        similarities = np.empty((len(queries), count), np.float32)
        for first, rows, scales in self._blocks(slots, end):
            products = _products(rows.astype(np.float64), numbers)
            for n, query in enumerate(queries):
                similarities[n, first : first + len(rows)] = _round(products[:, n] * scales, query.scale)
        return similarities

    def _blocks(self, slots: Slots | None, end: int) -> Iterator[tuple[int, NDArray[np.int16], NDArray[np.float64]]]:
        if slots is None:
            for first, rows in self.rows.blocks(end, _BLOCK):
                yield first, rows, self.scales.take(np.arange(first, first + len(rows)))
            return
        for first in range(0, len(slots), _BLOCK):
            some = slots[first : first + _BLOCK]
            yield first, self.rows.take(some), self.scales.take(some)


def as_queries(units: Vectors) -> list[Query]:
    """Rows of length 1 or 0 as they are compared.

    Args:
        units: shape (Q, D), float32.
    """
    return [_query(unit) for unit in units]


def _query(unit: NDArray[np.float32]) -> Query:
    numbers = np.rint(unit.astype(np.float64) * 2.0**_QUERY_BITS)
    length = float(np.sqrt(np.vecdot(numbers, numbers)))
    return Query(numbers, 1 / length if length else 0.0)


def _products(rows: NDArray[np.float64], numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    if numbers.shape[1] == 1:  # a threaded product of a matrix and one vector may wait long for its other thread
        one: NDArray[np.float64] = np.vecdot(rows, numbers[:, 0])[:, None]
        return one
    return rows @ numbers


def _round(scaled: NDArray[np.float64], query_scale: float) -> NDArray[np.float32]:
    return (scaled * query_scale).astype(np.float32)


def _at_least_the_kth(similarities: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The places of the k largest, and of all that tie with the smallest of them."""
    if len(similarities) <= k:
        return np.arange(len(similarities))
    least = np.partition(similarities, len(similarities) - k)[len(similarities) - k]
    return np.flatnonzero(similarities >= least)


def _sort(keys: Keys, similarities: NDArray[np.float32], k: int) -> Best:
    order = np.lexsort((keys, -similarities))[:k]
    return Best(keys[order], similarities[order])
