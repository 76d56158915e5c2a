"""How an index is made for a number of vectors, and what an operating point is.

The structure is inverted lists (Jegou et al., "Product quantization for nearest neighbor search", TPAMI 2011) of 4-bit
codes that are compared in registers (Andre et al., "Quicker ADC", TPAMI 2019), with the best candidates compared again.

Three things differ from how FAISS is mostly used:

- Not a fixed number of lists is probed, but those whose centroid is at most a gap less similar to the query than the
  nearest centroid is. Queries in dense places probe many lists and queries in sparse places few: at the same recall
  about half as many codes are compared (see `benchmarks/approximate_search`).
- Two dimensions share a 4-bit code, the one of largest variance with the one of smallest, the second largest with the
  second smallest, and so on. After PCA neighbours in order have almost equal variance, and a code for two large ones is
  coarse; paired like this, 32 bytes rank nearly as well as 64 with a dimension to each code.
- The codes are of what is left when the centroid is taken away, for inner products too, where FAISS does not by itself:
  of the true neighbours, 200 candidates then hold as many as 800 did before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors

_TRAINING_PER_LIST = 50
_LEAST_LISTS, _MOST_LISTS = 64, 65_536
_WIDE = 256


class Recipe(NamedTuple):
    """What to build.

    Attributes:
        factory: FAISS's description of it.
        training: how many vectors the centroids and codes are learnt from.
        paired: whether dimensions are put in the order of `paired_order` first.
        residual: whether codes are of the difference to the centroid.
    """

    factory: str
    training: int
    paired: bool
    residual: bool


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A measured compromise between recall and speed.

    Attributes:
        recall: recall@10 that held-out queries had.
        gap: lists are probed whose centroid's similarity to the query is at most so much below the best one's.
        rerank: how many of the best codes are compared again with the vectors themselves when ten are wanted.
        scanned: how many codes were compared per query, on average.
    """

    recall: float
    gap: float
    rerank: int
    scanned: float


def recipe(N: int, D: int) -> Recipe:
    """What to build for N vectors of D dimensions.

    Raises:
        ValueError: when N or D is less than 1.
    """
    if N < 1 or D < 1:
        raise ValueError(f"expected at least one vector of one dimension, got {N} of {D}")
    lists = int(2 ** np.floor(np.log2(max(1.0, 3 * np.sqrt(N)))))
    lists = min(max(lists, _LEAST_LISTS), _MOST_LISTS)
    return Recipe(f"IVF{lists},{_codes(D)}", min(N, _TRAINING_PER_LIST * lists), paired=D % 2 == 0, residual=D % 2 == 0)


def paired_order(vectors: Vectors) -> NDArray[np.int64]:
    """The order of dimensions in which each large variance stands beside a small one.

    Args:
        vectors: shape (N, D), float32, D even.
    Returns:
        shape (D,), int64: positions such that `vectors[:, order]` is paired.
    """
    falling = np.argsort(-vectors.var(axis=0), kind="stable")
    half = vectors.shape[1] // 2
    return np.stack([falling[:half], falling[::-1][:half]], axis=1).ravel().astype(np.int64)


def _codes(D: int) -> str:
    """4 bits for two dimensions; for four where vectors are so wide that codes would not stay in the cache."""
    if D % 2:
        return "SQ8"
    return f"PQ{D // 4}x4fs" if D > _WIDE and D % 4 == 0 else f"PQ{D // 2}x4fs"
