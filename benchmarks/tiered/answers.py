"""Answers with and without a finer look, by brute force: average precision of each query, and its margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors import projection_of
from lookalike.core.vectors import Vectors, normalise
from lookalike.evaluation.measures import AP
from lookalike.search.model_reranker import DEPTH as LOOKED_AT
from lookalike.search.sureness import DEPTH, FIRST

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Of every query that has something to find; all of shape (Q,).

    Attributes:
        base: average precision of the answer by the base model, as it is searched.
        reranker: the same after the finer model has put the best of it in order.
        margin: how far the similarities of the base answer fall from hit `FIRST` to hit `DEPTH`.
    """

    base: Floats
    finer: Floats
    margin: Floats

    def half(self, odd: bool) -> Answers:
        """Every second query."""
        of = slice(int(odd), None, 2)
        return Answers(self.base[of], self.finer[of], self.margin[of])

    def saved(self, margin: float) -> float:
        """Share of the queries for which the finer model need not be asked, in per cent."""
        return 100 * float(np.mean(self.margin >= margin))

    def lost(self, margin: float) -> float:
        """Mean average precision that this costs, against asking it always, in points."""
        tiered = np.where(self.margin >= margin, self.base, self.finer)
        return 100 * float(np.mean(self.finer) - np.mean(tiered))

    def lost_at_random(self, margin: float) -> float:
        """The same where as many queries are spared by lot."""
        return self.saved(margin) * float(np.mean(self.finer) - np.mean(self.base))

    def margin_that_loses(self, points: float) -> float:
        """The smallest margin, to hundredths, that loses at most so many points."""
        margins = [n / 100 for n in range(101)]
        return next(margin for margin in margins if self.lost(margin) <= points)


def answers(base: Vectors, finer: Vectors, labels: Sequence[str]) -> Answers:
    """Let every labelled picture ask for the others of its label, as a collection answers.

    Args:
        base: shape (N, D), raw vectors of the model that is searched.
        finer: shape (N, D'), raw vectors of the finer model.
        labels: N of them.
    """
    searched, compared = projection_of(base).apply(base), projection_of(finer).apply(finer)
    classes = np.unique(np.asarray(labels), return_inverse=True)[1]
    rows = [row for n in range(len(labels)) if (row := _row(n, searched, compared, classes)) is not None]
    table = np.array(rows, np.float64)
    return Answers(table[:, 0], table[:, 1], table[:, 2])


def _row(n: int, searched: Vectors, compared: Vectors, classes: NDArray[np.intp]) -> tuple[float, float, float] | None:
    relevant = int((classes == classes[n]).sum()) - 1
    if not relevant:
        return None
    similarities = searched @ searched[n]
    similarities[n] = np.inf  # the query itself comes first, and is cut off
    order = np.argsort(-similarities, kind="stable")[1:]
    best = order[:LOOKED_AT]
    again = best[np.argsort(-(compared[best] @ compared[n]), kind="stable")]
    margin = float(similarities[order[FIRST - 1]] - similarities[order[DEPTH - 1]])
    first, then = (
        AP()(classes[ranked] == classes[n], relevant=relevant)
        for ranked in (order, np.concatenate([again, order[LOOKED_AT:]]))
    )
    return first, then, margin


def halved(vectors: Vectors) -> Vectors:
    """Vectors as a catalog keeps them: rounded to float16, and of length 1 again."""
    return normalise(vectors.astype(np.float16).astype(np.float32))
