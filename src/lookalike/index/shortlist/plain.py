"""Bounds by products of the vectors themselves: nearly tight, and four to twelve times as slow as those by codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors

VALUES = 1e-12, 1e12
"""Vectors whose largest value is not among these, unless they are scaled to length 1, are compared in float64: float32
could overflow or underflow."""

_ROUNDINGS_BESIDES = 64
_PRODUCTS_AT_ONCE = 1 << 20
_VALUES_AT_ONCE = 1 << 22
_LEAST_ROWS_AT_ONCE = 256
_UNDERFLOWS = 1e8


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """See `lookalike.index.shortlist.bounds.Bounds`.

    A sum of D products is off by at most g = (D + 64) u of the product of the lengths, as in
    `lookalike.index.shortlist.codes`; everything is widened by 4 g.

    Attributes:
        metric: what nearness means.
        rows: shape (N, D), float32; for cosine of length 1 or 0.
        queries: shape (Q, D), float32 or float64, in which all is computed; float64 where float32 could overflow; less
            the centre.
        centre: shape (D,), of the same dtype: what distances are measured from; None but for L2.
    """

    metric: Metric
    rows: Vectors
    queries: NDArray[np.floating]
    centre: NDArray[np.floating] | None

    @classmethod
    def of(cls, rows: Vectors, queries: Vectors, *, metric: Metric, centre: NDArray[np.float32], wide: bool) -> Plain:
        """Put queries to rows.

        Args:
            rows: shape (N, D), float32; for cosine of length 1 or 0.
            queries: shape (Q, D), float32, likewise.
            metric: what nearness means.
            centre: shape (D,), float32: what distances are measured from.
            wide: whether to compute in float64.
        """
        asked = queries.astype(np.float64) if wide else queries
        if metric is not Metric.L2:
            return cls(metric, rows, asked, None)
        return cls(metric, rows, asked - centre.astype(asked.dtype), centre.astype(asked.dtype))

    @property
    def rows_at_once(self) -> int:
        """How many rows to ask for at once."""
        Q, D = self.queries.shape
        most: int = min(_PRODUCTS_AT_ONCE // max(1, Q), _VALUES_AT_ONCE // max(1, D))
        return max(_LEAST_ROWS_AT_ONCE, most)

    def order(self, start: int, end: int) -> NDArray[np.floating]:
        """What is nearer is mostly larger: shape (rows, Q), float32 or float64, a new array."""
        some = self._some(start, end)
        products = some @ self.queries.T
        if self.metric is Metric.L2:
            products -= _lengths(some)[:, None] ** 2 / 2
        return products

    def reaching(self, start: int, end: int, floors: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which pairs can be as near as the floor of the query: see `Bounds`."""
        above, slack = self._above(self._some(start, end))
        least = floors - slack - rounding(self.queries) * np.where(np.isfinite(floors), np.abs(floors), 0)
        least -= _UNDERFLOWS * float(np.finfo(above.dtype).tiny)
        return np.flatnonzero(above >= least.astype(above.dtype))

    def _above(self, some: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
        """Nearness and what it can be off by, shape (rows, Q); what is still to add for a query, shape (Q,)."""
        above = some @ self.queries.T
        if self.metric is Metric.COSINE:
            return above, np.full(len(self.queries), rounding(self.queries))
        # a product is off by that of the lengths, and an L2 nearness by the square of their sum
        lengths, asked = _lengths(some), _lengths(self.queries)
        above += (rounding(self.queries) * lengths)[:, None] * asked
        if self.metric is not Metric.L2:
            return above, np.zeros(len(asked))
        above += ((rounding(self.queries) - 0.5) * lengths**2)[:, None]
        return above, rounding(self.queries) * asked.astype(np.float64) ** 2

    def _some(self, start: int, end: int) -> NDArray[np.floating]:
        some = self.rows[start:end].astype(self.queries.dtype, copy=False)
        return some if self.centre is None else some - self.centre


def rounding(vectors: NDArray[np.floating]) -> float:
    """By how much a product of vectors of length 1 is widened: see `Plain`.

    Args:
        vectors: shape (Q, D), any float dtype.
    """
    D: int = vectors.shape[1]
    return 4 * (D + _ROUNDINGS_BESIDES) * float(np.finfo(vectors.dtype).eps)


def _lengths(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths: NDArray[np.floating] = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return lengths
