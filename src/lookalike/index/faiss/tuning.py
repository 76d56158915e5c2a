"""Finding the operating points of an index: how wide to probe and how deep to compare again for a wanted recall.

The queries are vectors of the index itself that its centroids and codes were not learnt from; each is left out of its
own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors
from lookalike.index.faiss.recipes import OperatingPoint

QUERIES = 500
K = 10
WANTED = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)

_LISTS = (2, 4, 8, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 768, 1024, 2048)
_DEPTHS = (30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 600, 800)
_CODES_PER_RERANK = 23.0
"""Comparing a candidate again takes as long as comparing so many codes: 0.13 against 0.0057 microseconds."""


class Proposed(NamedTuple):
    """Candidates by codes alone.

    Attributes:
        slots: shape (Q, depth), int64, best first, padded with -1.
        scanned: how many codes were compared per query, on average.
    """

    slots: NDArray[np.int64]
    scanned: float


Propose = Callable[[float, int], Proposed]
"""Candidates of all queries, from a gap and a depth."""


def measure_operating_points(
    *, truth: NDArray[np.int64], propose: Propose, centroid_similarities: Vectors, wanted: Sequence[float] = WANTED
) -> tuple[OperatingPoint, ...]:
    """Measure, and keep the cheapest way to each wanted recall.

    A recall counts as reached when it is by one standard error more: another sample of queries hardly has less.

    Args:
        truth: shape (Q, 10), int64: the slots of the true nearest of each query, padded with -1.
        propose: gives candidates.
        centroid_similarities: shape (Q, lists), float32: every query against every centroid.
        wanted: recalls, ascending.
    Returns:
        by ascending recall; those that cannot be reached are left out.
    """
    measured: list[OperatingPoint] = []
    most = wanted[-1] if wanted else 0.0
    for gap in gaps(centroid_similarities):
        proposed = propose(gap, _DEPTHS[-1] + 1)
        for depth in _DEPTHS:
            recall = sure_recall(proposed.slots[:, : depth + 1], truth)
            measured.append(OperatingPoint(recall, gap, depth, proposed.scanned))
        if measured[-1].recall >= most:
            break
    return _cheapest(measured, wanted)


def gaps(centroid_similarities: Vectors) -> list[float]:
    """Gaps at which a query probes 2, 4, 8 ... lists on average: ascending, at last one at which it probes all.

    Where there are no lists, one gap, which says nothing.

    Args:
        centroid_similarities: shape (Q, lists), float32.
    """
    if not centroid_similarities.shape[1]:
        return [0.0]
    below_best = np.sort(centroid_similarities.max(axis=1, keepdims=True) - centroid_similarities, axis=None)
    queries, lists = centroid_similarities.shape
    return [
        float(below_best[min(wanted * queries, len(below_best)) - 1]) + 1e-6 for wanted in _LISTS if wanted < lists
    ] + [float(below_best[-1]) + 1e-3]


def sure_recall(slots: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The mean share of the truth that was found, less one standard error; not below 0.

    Args:
        slots: shape (Q, A), int64: what was found.
        truth: shape (Q, T), int64: what was to be found, padded with -1.
    """
    there = truth >= 0
    found = (slots[:, :, None] == truth[:, None, :]).any(axis=1) & there
    shares = found.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    spread = shares.std() / np.sqrt(max(len(shares), 1))
    return float(max(0.0, shares.mean() - spread))


def _cheapest(measured: Sequence[OperatingPoint], wanted: Sequence[float]) -> tuple[OperatingPoint, ...]:
    chosen: list[OperatingPoint] = []
    for recall in wanted:
        able = [point for point in measured if point.recall >= recall]
        if able:
            best = min(able, key=_cost)
            if not chosen or best != chosen[-1]:
                chosen.append(best)
    best_of_all = max(measured, key=lambda point: (point.recall, -_cost(point)), default=None)
    if best_of_all is not None and (not chosen or best_of_all.recall > chosen[-1].recall + 1e-9):
        chosen.append(best_of_all)
    return tuple(chosen)


def _cost(point: OperatingPoint) -> float:
    return point.scanned + _CODES_PER_RERANK * point.rerank
