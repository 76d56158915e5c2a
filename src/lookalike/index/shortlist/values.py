"""What is answered: similarities and distances in float64, each from its two vectors alone, rounded to float32 once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors

_VALUES_AT_ONCE = 1 << 17
_ROUNDOFF = 2.0**-24
_LARGEST, _LEAST = float(np.finfo(np.float32).max), 2.0**-149  # of float32


def exact_values(
    rows: Vectors, places: NDArray[np.intp], queries: Vectors, askers: NDArray[np.intp], metric: Metric
) -> NDArray[np.float32]:
    """The values of some pairs, the same wherever the vectors stand.

    Args:
        rows: shape (N, D), float32.
        places: shape (P,): of the rows.
        queries: shape (Q, D), float32.
        askers: shape (P,): of the queries.
        metric: what to compute.
    Returns:
        shape (P,), float32.
    """
    values = np.empty(len(places), np.float32)
    at_once = max(1, _VALUES_AT_ONCE // max(1, rows.shape[1]))
    for start in range(0, len(places), at_once):
        part = slice(start, start + at_once)
        some, asked = rows[places[part]].astype(np.float64), queries[askers[part]].astype(np.float64)
        with np.errstate(over="ignore"):  # an inner product may be too large for float32
            values[part] = _VALUES[metric](some, asked)
    return values


def worst(metric: Metric) -> float:
    """What stands where there is no answer."""
    return -np.inf if metric.higher_is_closer else np.inf


def floors(values: NDArray[np.float32], queries: NDArray[np.floating], metric: Metric) -> NDArray[np.float64]:
    """How near a row must be to have one of these values or a better one, for `Bounds`.

    Args:
        values: shape (Q,), float32.
        queries: shape (Q, D), less the centre from which nearness is measured; used for L2 only.
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
    differences = rows - queries
    return np.asarray(np.sqrt(_products(differences, differences)))


_VALUES = {Metric.COSINE: _cosines, Metric.INNER_PRODUCT: _products, Metric.L2: _distances}
