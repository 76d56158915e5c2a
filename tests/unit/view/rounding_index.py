"""An index that rounds similarities, and sees some vectors only when all are asked for: what FAISS does, made plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import SaveTo, Selection
from lookalike.index.exact import ExactIndex


class RoundingIndex:
    """See `lookalike.index.base.LocalIndex`; the tests' own.

    Args:
        dimension: D of the vectors.
        step: similarities are rounded to multiples of it.
        is_blind: keys that only a search with recall 1 finds.
    """

    engine = "rounding"
    takes_filters = False
    recall = 0.9

    def __init__(
        self, dimension: int, *, step: float = 0.1, is_blind: Callable[[int], bool] = lambda key: False
    ) -> None:
        self._exact = ExactIndex(dimension)
        self._step = step
        self._is_blind = is_blind
        self.worn = ""
        self.recalls: list[float | None] = []

    @property
    def dimension(self) -> int:
        return self._exact.dimension

    @property
    def parameters(self) -> dict[str, Json]:
        return {"step": self._step}

    def __len__(self) -> int:
        return len(self._exact)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        self._exact.upsert(keys, vectors)

    def remove(self, keys: Keys) -> None:
        self._exact.remove(keys)

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        self.recalls.append(recall)
        everything = self._exact.search(queries, max(1, len(self)), among=among)
        found = Neighbours(
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), -np.inf, np.float32),
            exact=recall == 1 or not any(map(self._is_blind, everything.keys[0].tolist())),
            scanned=len(self),
            plan="rounded",
            error=self._step / 2 + 1e-6,
        )
        for n, (keys, similarities) in enumerate(zip(everything.keys, everything.similarities, strict=True)):
            seen = keys >= 0
            if recall != 1:
                seen &= ~np.array([self._is_blind(key) for key in keys.tolist()], bool)
            rounded = np.round(similarities[seen] / self._step) * self._step
            order = np.lexsort((keys[seen], -rounded))[:k]
            found.keys[n, : len(order)] = keys[seen][order]
            found.similarities[n, : len(order)] = rounded[order]
        return found

    def save(self, folder: Path) -> list[str]:
        return self._exact.save(folder)

    def freeze(self) -> SaveTo:
        return self._exact.freeze()
