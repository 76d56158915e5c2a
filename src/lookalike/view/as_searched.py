"""Vectors as they are searched: the catalog's own, after the projection and of length 1."""

from __future__ import annotations

from lookalike.catalog.base import StoredVectors
from lookalike.core.vectors import Vectors, to_unit, widen
from lookalike.index.projection import Projection


def project(vectors: Vectors, projection: Projection | None) -> Vectors:
    """As the index takes them; projected ones are brought to length 1 before, for the centring's sake.

    Args:
        vectors: shape (N, D), float32, not necessarily unit length.
        projection: what is learnt; None for none.
    Returns:
        shape (N, d), float32; `vectors` itself where there is no projection.
    """
    return vectors if projection is None else projection.apply(to_unit(vectors))


def as_searched(stored: StoredVectors, projection: Projection | None) -> Vectors:
    """The vectors that a catalog gives as they are compared.

    Args:
        stored: N of them.
        projection: of the index.
    Returns:
        shape (N, d), float32, rows of length 1 or 0, a new array.
    """
    return to_unit(project(widen(stored.vectors), projection))
