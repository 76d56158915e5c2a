"""Which points of two pictures look alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.features.points import Points, Positions, opencv

MOST_RATIO = 0.8
"""Of the distances to the nearest and to the second nearest: Lowe 2004, section 7.1."""

_CELL_PX = 2.0
_ROUNDING = 1e-4  # of bytes and of float32: what differs by less is the same, as in a pattern that repeats


class Pairs(NamedTuple):
    """Points that look alike, the most distinct first.

    Attributes:
        query: shape (M,), int64: numbers of points of the query.
        hit: shape (M,), int64: numbers of the points of the hit that look like them.
    """

    query: NDArray[np.int64]
    hit: NDArray[np.int64]


def pairs_of(query: Points, hit: Points) -> Pairs:
    """Pair points that are each other's nearest, and clearly nearer than the second nearest.

    SIFT describes one place several times where it has several directions. Such points say the same thing, so a place
    counts once, in either picture.

    Args:
        query: P points.
        hit: R points.
    Returns:
        at most min(P, R) pairs; none where either has fewer than two points.
    """
    if min(len(query), len(hit)) < 2:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    # cosines[p, r]: point p of the query against point r of the hit
    # Equals _unit(query) @ _unit(hit).T, on one core: NumPy's product takes all of them, and waits for the busy ones.
    cv2 = opencv()
    cosines = cv2.gemm(_unit(query), _unit(hit), 1, None, 0, flags=cv2.GEMM_2_T)
    rows = np.arange(len(query))
    nearest = cosines.argmax(axis=1)
    mutual = cosines.argmax(axis=0)[nearest] == rows
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1.0
    # ratios[p]: squared; the squared distance of unit vectors is 2 - 2 cos
    ratios = (1 - best + _ROUNDING) / (1 - cosines.max(axis=1) + _ROUNDING)
    kept = np.flatnonzero(mutual & (ratios < MOST_RATIO**2))
    kept = kept[np.argsort(ratios[kept], kind="stable")]
    kept = kept[_first_of_each_place(query.positions[kept])]
    kept = kept[_first_of_each_place(hit.positions[nearest[kept]])]
    return Pairs(kept, nearest[kept])


def _unit(points: Points) -> NDArray[np.float32]:
    vectors = points.descriptors.astype(np.float32)
    lengths = np.sqrt(np.einsum("pd,pd->p", vectors, vectors))[:, None]
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def _first_of_each_place(positions: Positions) -> NDArray[np.int64]:
    """The numbers of the first point in each cell of 2 x 2 pixels, in their order."""
    cells = np.floor(positions / _CELL_PX).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.sort(first)
