"""A projection learnt from the collection itself: answers get better and vectors ten times smaller.

Centring, Pareto scaling (each dimension divided by the square root of its standard deviation), principal components,
unit length. Centring and principal components: Jegou and Chum, "Negative evidences and co-occurrences in image
retrieval: the benefit of PCA and whitening", ECCV 2012. Pareto scaling: van den Berg et al., "Centering, scaling, and
transformations", BMC Genomics 7:142, 2006. Whitening is left out: it gains on some collections and loses much on
others, see `benchmarks/retrieval_quality`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors, as_vectors, normalise

LEAST_TO_LEARN = 256
"""A smaller collection is searched with its raw vectors."""

MOST_TO_LEARN = 50_000
"""From a larger collection, evenly spread vectors are taken."""

WIDTH = 128

_ROWS_AT_ONCE = 256
_FEW_ROWS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """An affine map followed by scaling to length 1.

    Attributes:
        mean: shape (D,), float32.
        components: shape (D, d), float32: column j is the j-th direction, its scaling folded in.
        learnt_from: how many vectors it was learnt from.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    learnt_from: int
    _directions: NDArray[np.float64] = field(init=False, repr=False)  # shape (d, D): components, transposed

    def __post_init__(self) -> None:
        object.__setattr__(self, "_directions", np.ascontiguousarray(self.components.T, dtype=np.float64))

    @property
    def dimension(self) -> int:
        """d: the width of what comes out."""
        return int(self.components.shape[1])

    def apply(self, vectors: Vectors) -> Vectors:
        """Project vectors.

        Computed in float64, so that equal vectors come out equal, wherever in an array they stand.

        Args:
            vectors: shape (N, D), float32.
        Returns:
            shape (N, d), float32, rows of length 1 (0 for the mean itself), a new array.
        Raises:
            DimensionMismatch: when the width is another.
            BadVectors: when a value is not finite, or so large that the result is not.
        """
        raw = as_vectors(vectors, dimension=len(self.mean))
        if len(raw) <= _FEW_ROWS:  # a threaded product of little work may wait long for its other thread
            moved = (raw - self.mean).astype(np.float64)
            return normalise(as_vectors(np.vecdot(moved[:, None, :], self._directions)))
        components = self._directions.T
        projected = np.empty((len(raw), self.dimension), np.float64)
        for start in range(0, len(raw), _ROWS_AT_ONCE):  # few enough to stay in the processor's cache
            rows = slice(start, start + _ROWS_AT_ONCE)
            projected[rows] = (raw[rows] - self.mean).astype(np.float64) @ components
        return normalise(as_vectors(projected))


def learn(batches: Iterable[Vectors], *, count: int, width: int = WIDTH) -> Projection | None:
    """Learn the projection of a collection.

    Takes one pass over the vectors and an eigendecomposition of D x D (about a second for D = 1280).

    Args:
        batches: the raw vectors in order, arrays of shape (n, D), float32; together `count` rows.
        count: how many rows there are.
        width: d at most; a quarter of `count` if that is less.
    Returns:
        the projection; None where there are too few vectors, or all are the same.
    """
    if count < LEAST_TO_LEARN:
        return None
    moments = _moments(_evenly_spread(batches, count=count))
    if moments is None:
        return None
    deviation = np.sqrt(np.maximum(moments.covariance.diagonal(), 0))
    floor = 1e-3 * deviation.max(initial=0.0)
    if floor <= 0:
        return None
    pareto = 1 / np.sqrt(np.maximum(deviation, floor))
    _, directions = np.linalg.eigh(pareto[:, None] * moments.covariance * pareto)
    kept = directions[:, ::-1][:, : min(width, count // 4)]
    components = np.ascontiguousarray(pareto[:, None] * kept, dtype=np.float32)
    return Projection(moments.mean.astype(np.float32), components, learnt_from=count)


class _Moments(NamedTuple):
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def _moments(batches: Iterator[Vectors]) -> _Moments | None:
    """Mean and covariance in one pass, about the first batch's mean so that nothing large cancels."""
    first = next(batches, None)
    if first is None:
        return None
    shift = first.mean(axis=0, dtype=np.float64).astype(np.float32)  # of equal rows exactly such a row
    total = np.zeros(shift.shape, np.float64)
    products = np.zeros((len(shift), len(shift)), np.float64)
    count = 0
    for batch in chain([first], batches):
        moved = batch - shift
        total += moved.sum(axis=0, dtype=np.float64)
        products += moved.T @ moved
        count += len(batch)
    mean = total / count
    return _Moments(mean + shift, products / count - np.outer(mean, mean))


def _evenly_spread(batches: Iterable[Vectors], *, count: int) -> Iterator[Vectors]:
    """Every n-th row of all, wherever one batch ends and the next begins; no batch that comes out is empty."""
    step = -(-count // MOST_TO_LEARN)
    seen = 0
    for batch in batches:
        taken = batch[-seen % step :: step]
        if len(taken):
            yield taken
        seen += len(batch)
