"""An index with all that belongs to it: searches take everything from one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lookalike.core.vectors import HalfVectors, Vectors, normalise, widened
from lookalike.index.base import Index
from lookalike.index.projection import Projection

Projecting = Literal["auto", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the owner of a collection wants of its index.

    Attributes:
        projecting: `auto` learns a projection once the collection is large enough; `off` searches raw vectors.
        engine: `auto` compares all vectors while they are few and builds inverted lists for many; `exact` always
            compares all; anything else is a factory string of FAISS.
        recall: the share of the true ten nearest that an approximate search is to find.
        memory_bytes: what building an index may take beside the index itself; None for as much as is convenient.
    """

    projecting: Projecting = "auto"
    engine: str = "auto"
    recall: float = 0.99
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """An index with the projection of all that is in it.

    Catching up changes the index in place, so that a search meanwhile sees some of the changes already; a new
    projection comes with a new index.

    Attributes:
        index: the index.
        projection: what vectors passed before they came into it; None for raw ones.
        tried_with: how many vectors there were when a projection was last learnt, or was not to be had from them.
        seq: all changes of the catalog up to this number are in the index.
        saved_seq: that of the last snapshot; -1 where it was not saved.
    """

    index: Index
    projection: Projection | None
    tried_with: int
    seq: int
    saved_seq: int = -1


def as_float32(vectors: HalfVectors) -> Vectors:
    """Raw vectors as they are computed with.

    Args:
        vectors: shape (N, D), float16.
    Returns:
        shape (N, D), float32, a new array.
    """
    return widened(vectors)


def projected(vectors: Vectors, projection: Projection | None) -> Vectors:
    """As the index takes them; projected ones are brought to length 1 before, for the centring's sake.

    Args:
        vectors: shape (N, D), float32, not necessarily unit length.
        projection: what is learnt; None for none.
    Returns:
        shape (N, d), float32; `vectors` itself where there is no projection.
    """
    return vectors if projection is None else projection.apply(normalise(vectors))
