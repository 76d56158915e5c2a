"""What is answered: similarities and distances in float64, each from its two vectors alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors

_VALUES_AT_ONCE = 1 << 16
_ROUNDOFF = 2.0**-24
_LARGEST, _LEAST = float(np.finfo(np.float32).max), 2.0**-149  # of float32


class ExactValues:
    """The values of pairs of some rows and some queries, the same wherever the vectors stand.

    Not for several threads: it computes in memory of its own, for to ask for new memory takes longer than to compute.

    Args:
        rows: shape (N, D), float32.
        queries: shape (Q, D), float32.
        metric: what to compute.
    """

    def __init__(self, rows: Vectors, queries: Vectors, metric: Metric) -> None:
        D = rows.shape[1]
        self._rows, self._queries, self._metric = rows, queries.astype(np.float64), metric
        self._at_once = max(1, _VALUES_AT_ONCE // max(1, D))
        self._taken = np.empty((self._at_once, D), np.float32)
        self._wide = np.empty((2, self._at_once, D))

    def of(self, places: NDArray[np.intp], askers: NDArray[np.intp]) -> NDArray[np.float64]:
        """The values of some pairs.

        Args:
            places: shape (P,), intp: of the rows.
            askers: shape (P,), intp: of the queries.
        Returns:
            shape (P,), float64, a new array.
        """
        values = np.empty(len(places))
        for start in range(0, len(places), self._at_once):
            part = slice(start, start + self._at_once)
            count = len(values[part])
            rows, queries = self._wide[:, :count]
            # "clip" writes into `out` directly; places are never outside
            rows[...] = np.take(self._rows, places[part], axis=0, out=self._taken[:count], mode="clip")
            np.take(self._queries, askers[part], axis=0, out=queries, mode="clip")
            values[part] = _VALUES[self._metric](rows, queries)
        return values


def worst(metric: Metric) -> float:
    """What stands where there is no answer."""
    return -np.inf if metric.higher_is_closer else np.inf


def floors(values: NDArray[np.floating], queries: NDArray[np.floating], metric: Metric) -> NDArray[np.float64]:
    """How near a row must be to have one of these values or a better one, for `Bounds`.

    Args:
        values: shape (Q,), any float dtype.
        queries: shape (Q, D), any float dtype, less the centre from which nearness is measured; used for L2 only.
        metric: what the values are.
    Returns:
        shape (Q,), float64: -inf where the value is none.
    """
    wide = np.minimum(values.astype(np.float64), _LARGEST) if metric.higher_is_closer else values.astype(np.float64)
    if metric is not Metric.L2:
        return np.asarray(wide - _ROUNDOFF * np.where(np.isfinite(wide), np.abs(wide), 0))
    asked = queries.astype(np.float64)
    return np.asarray((np.einsum("qd,qd->q", asked, asked) - (wide * (1 + 2 * _ROUNDOFF) + _LEAST) ** 2) / 2)


def _cosines(rows: NDArray[np.float64], queries: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(_products(rows, rows)) * np.sqrt(_products(queries, queries))
    return (_products(rows, queries) / np.where(lengths > 0, lengths, 1)).clip(-1, 1)


def _products(rows: NDArray[np.float64], queries: NDArray[np.float64]) -> NDArray[np.float64]:
    products: NDArray[np.float64] = np.einsum("pd,pd->p", rows, queries)
    return products


def _distances(rows: NDArray[np.float64], queries: NDArray[np.float64]) -> NDArray[np.float64]:
    rows -= queries
    return np.asarray(np.sqrt(_products(rows, rows)))


_VALUES = {Metric.COSINE: _cosines, Metric.INNER_PRODUCT: _products, Metric.L2: _distances}
