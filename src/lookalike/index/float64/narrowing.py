"""Float64 vectors as float32 that keeps most of what tells them apart, and how good a row left out can be at most.

Rows are moved so that their mean is the origin (which changes no order of L2, and of inner products only adds the same
to all), and scaled by a power of two; for cosine they are scaled to length 1. A number rounded to float32 is off by
2^-24 of itself, and by 2^-150 where it is tiny; what a bound gives away besides is more than float64 can lose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.float64.values import Prepared, Wide

_OFF = 2.0**-22
"""More than twice what two vectors rounded to float32 and a value rounded to float32 are off, relative to them."""
_TINY = 2.0**-140
_SAMPLE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """Rows and queries in float32.

    Attributes:
        metric: how they are compared.
        rows: shape (N, D), float32.
        queries: shape (Q, D), float32.
        exponent: values of `rows` and `queries` are 2^exponent too small.
        added: shape (Q,), float64: what moving the rows has taken from each inner product.
        slack: shape (Q,), float64: how far a value can be off, as it is scaled.
    """

    metric: Metric
    rows: Vectors
    queries: Vectors
    exponent: int
    added: Wide
    slack: Wide

    @classmethod
    def of(cls, base: Prepared, queries: Prepared, metric: Metric) -> Narrowed:
        """Narrow rows and queries that are prepared for the metric."""
        Q, D = queries.vectors.shape
        none, tiny = np.zeros(Q), _TINY * np.sqrt(D)
        if metric is Metric.COSINE:
            rows, asked = base.vectors / base.lengths[:, None], queries.vectors / queries.lengths[:, None]
            return cls(metric, _narrow(rows), _narrow(asked), 0, none, np.full(Q, 4 * _OFF + tiny))
        centre = _centre(base.vectors)
        moved = base.vectors - centre
        if metric is Metric.L2:
            asked = queries.vectors - centre
            exponent = _exponent(moved, asked)
            rows, asked = np.ldexp(moved, -exponent), np.ldexp(asked, -exponent)
            slack = _OFF * np.linalg.norm(asked, axis=1) + tiny
            return cls(metric, _narrow(rows), _narrow(asked), exponent, none, slack)
        of_rows, of_queries = _exponent(moved), _exponent(queries.vectors)
        rows, asked = np.ldexp(moved, -of_rows), np.ldexp(queries.vectors, -of_queries)
        lengths = np.linalg.norm(asked, axis=1)
        longest = np.sqrt(np.einsum("nd,nd->n", rows, rows).max(initial=0))
        with np.errstate(over="ignore", invalid="ignore"):
            far = np.linalg.norm(np.ldexp(centre, -of_rows))
            slack = _OFF * lengths * longest + D * 2.0**-50 * lengths * (longest + far) + tiny * (lengths + longest + 1)
            added = queries.vectors @ centre
        return cls(metric, _narrow(rows), _narrow(asked), of_rows + of_queries, added, slack)

    def outside(self, last: NDArray[np.floating], asked: NDArray[np.intp]) -> Wide:
        """What a row that is no nearer in float32 than the last of a shortlist can be worth at best.

        Args:
            last: shape (q,): the values of the last, as float32 vectors give them.
            asked: shape (q,), intp: of which queries.
        Returns:
            shape (q,), float64.
        """
        wide = last.astype(np.float64)
        with np.errstate(over="ignore", under="ignore"):
            if self.metric is Metric.L2:
                return np.ldexp(wide * (1 - _OFF) - self.slack[asked], self.exponent)
            return np.ldexp(wide + _OFF * np.abs(wide) + self.slack[asked], self.exponent) + self.added[asked]


def _narrow(vectors: Wide) -> Vectors:
    with np.errstate(under="ignore"):
        return vectors.astype(np.float32)


def _centre(rows: Wide) -> Wide:
    some = rows[:: max(1, len(rows) // _SAMPLE)]
    return np.asarray((some / max(1, len(some))).sum(axis=0))  # each divided first: the sum could overflow


def _exponent(*parts: Wide) -> int:
    return int(np.frexp(max(np.abs(part).max(initial=0) for part in parts))[1])
