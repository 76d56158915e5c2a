"""How alike the vectors of two ways to compute the same model are, and what a search would notice of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Vectors, as_vectors, normalise

K = 10


@dataclass(frozen=True, slots=True)
class Parity:
    """What came out.

    Attributes:
        pictures: N, compared.
        worst_distance: cosine distance (1 - cosine) of the pair that is furthest apart.
        p99_distance: 99th percentile of the cosine distances: 99 of 100 pairs are nearer.
        median_distance: of them.
        top_10: share of the first ten hits that stay when the other way asks; 1.0 where nothing changes.
    """

    pictures: int
    worst_distance: float
    p99_distance: float
    median_distance: float
    top_10: float


def parity(reference: Vectors, other: Vectors) -> Parity:
    """Compare two ways, picture by picture, and what they find among the reference's vectors of all other pictures.

    Takes memory for N x N float32.

    Args:
        reference: shape (N, D), any real dtype, of the way that made the collection. N is at least 2.
        other: shape (N, D), any real dtype, of the way that asks, in the same order.
    Raises:
        BadVectors: when they cannot be used.
        BadInput: when they are not of the same shape, or fewer than 2.
    """
    stored, asking = normalise(as_vectors(reference)), normalise(as_vectors(other))
    if stored.shape != asking.shape or len(stored) < 2:
        raise BadInput(
            f"expected vectors of the same 2 or more pictures, got {stored.shape} and {asking.shape}"
            "; embed the same pictures with both models, in one order"
        )
    distances = 1 - np.einsum("nd,nd->n", stored, asking, dtype=np.float64)
    return Parity(
        pictures=len(stored),
        worst_distance=float(distances.max()),
        p99_distance=float(np.percentile(distances, 99)),
        median_distance=float(np.median(distances)),
        top_10=_overlap(_nearest(stored, stored), _nearest(asking, stored)),
    )


def _nearest(queries: Vectors, stored: Vectors) -> list[set[int]]:
    """For each query the first ten of all pictures but itself; of equal ones, those that stand first."""
    similarities = queries @ stored.T
    np.fill_diagonal(similarities, -np.inf)
    k = min(K, len(stored) - 1)
    return [set(row[:k].tolist()) for row in np.argsort(-similarities, axis=1, kind="stable")]


def _overlap(some: list[set[int]], others: list[set[int]]) -> float:
    return float(np.mean([len(one & other) / len(one) for one, other in zip(some, others, strict=True)]))
