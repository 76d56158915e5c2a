"""What the right answers are, and how many of them an engine found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.approximate_search.engine import Floats, Ids
from benchmarks.vectors import Searched, cache

K = 10
EVALUATED = 1000
TUNED_ON = 1000
_BLOCK = 100_000
_ROUNDING = 1e-6


class Truth(NamedTuple):
    """Queries, and what an answer must reach to be right.

    Attributes:
        base: shape (N, D), float32, a memory map.
        queries: shape (Q, D), float32.
        tenth: shape (Q,), float32, the similarity of each one's true tenth.
    """

    base: Floats
    queries: Floats
    tenth: Floats

    def recall(self, ids: Ids) -> float:
        """The share of the ten nearest that was found, by similarities that are computed here.

        Args:
            ids: shape (q, at least 10), the answers to the first q queries, q at most Q; what is no id is missing.
        """
        right = [self._right(n, answers[:K]) for n, answers in enumerate(ids)]
        return sum(right) / (K * len(ids))

    def part(self, start: int, count: int) -> Truth:
        """The same about some of the queries."""
        return Truth(self.base, self.queries[start : start + count], self.tenth[start : start + count])

    def _right(self, n: int, answers: Ids) -> int:
        ids = np.unique(answers)  # one that is given twice counts once
        ids = ids[(ids >= 0) & (ids < len(self.base))]
        return int((self.base[ids] @ self.queries[n] >= self.tenth[n] - _ROUNDING).sum())


def truth_of(searched: Searched) -> Truth:
    """The truth about the queries that are evaluated, followed by those that peers are tuned on."""
    count = EVALUATED + TUNED_ON
    path = cache() / f"tenth-{len(searched.base)}-{count}.npy"
    queries = searched.queries[:count]
    if not path.exists():
        np.save(path, tenth_similarities(searched.base, queries))
    return Truth(searched.base, queries, np.load(path))


def tenth_similarities(base: Floats, queries: Floats) -> Floats:
    """The similarity of each query's true tenth: shape (Q,), by going through all vectors."""
    best = np.full((len(queries), K), -np.inf, np.float32)
    for start in range(0, len(base), _BLOCK):
        similarities = queries @ base[start : start + _BLOCK].T
        together = np.concatenate([best, np.partition(similarities, -min(K, similarities.shape[1]))[:, -K:]], axis=1)
        best = np.partition(together, -K, axis=1)[:, -K:]
    tenth: Floats = best.min(axis=1)
    return tenth
