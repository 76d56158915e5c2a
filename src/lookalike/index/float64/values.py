"""Similarities and distances of float64 vectors, without overflow or underflow on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadVectors
from lookalike.core.metrics import Metric

_SAFE = 1e-140, 1e140  # squares of what lies between neither overflow nor vanish

Wide = NDArray[np.float64]
"""shape (N, D) or (N,), float64."""


class Prepared(NamedTuple):
    """Vectors ready to be compared.

    Attributes:
        vectors: shape (N, D), float64; for cosine each scaled by a power of two, which is exact, so that its largest
            value is about 1.
        lengths: shape (N,), float64: for cosine; 1 where a length is 0.
    """

    vectors: Wide
    lengths: Wide

    @classmethod
    def of(cls, vectors: Wide, metric: Metric) -> Prepared:
        """Prepare vectors for a metric.

        Args:
            vectors: shape (N, D), float64.
            metric: how they are compared.
        """
        if metric is not Metric.COSINE:
            return cls(vectors, np.ones(len(vectors)))
        _, exponents = np.frexp(np.abs(vectors).max(axis=1, initial=0))
        scaled = np.ldexp(vectors, -exponents[:, None])
        lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))
        return cls(scaled, np.where(lengths > 0, lengths, 1))

    def of_rows(self, rows: NDArray[np.integer] | slice) -> Prepared:
        """Some of them.

        Args:
            rows: shape (M,), int64, or a slice.
        """
        return Prepared(self.vectors[rows], self.lengths[rows])


def values_of(base: Prepared, query: Prepared, metric: Metric) -> Wide:
    """The values of rows and one query.

    Args:
        base: N vectors.
        query: one.
        metric: what to compute.
    Returns:
        shape (N,), float64.
    Raises:
        BadVectors: when an inner product is too large for float64.
    """
    if metric is Metric.L2:
        return _lengths(base.vectors - query.vectors)
    with np.errstate(over="ignore", invalid="ignore"):
        products: Wide = np.einsum("nd,nd->n", base.vectors, np.broadcast_to(query.vectors, base.vectors.shape))
    if metric is Metric.COSINE:
        return np.asarray((products / (base.lengths * query.lengths)).clip(-1, 1))
    if not np.isfinite(products).all():
        raise BadVectors("expected inner products that float64 can hold, but some are too large: scale the vectors")
    return products


def _lengths(differences: Wide) -> Wide:
    with np.errstate(over="ignore", under="ignore"):
        lengths: Wide = np.sqrt(np.einsum("nd,nd->n", differences, differences))
    peaks = np.abs(differences).max(axis=1, initial=0)
    unsafe = np.flatnonzero((peaks > 0) & ~((_SAFE[0] < peaks) & (peaks < _SAFE[1])))
    if len(unsafe):
        _, exponents = np.frexp(peaks[unsafe])
        scaled = np.ldexp(differences[unsafe], -exponents[:, None])
        lengths[unsafe] = np.ldexp(np.sqrt(np.einsum("nd,nd->n", scaled, scaled)), exponents)
    return lengths
