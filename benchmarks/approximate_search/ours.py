"""Our own index, asked as a collection asks it: for a recall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.approximate_search.engine import Floats, Ids, needed
from lookalike.core.vectors import Keys, Vectors

_AT_ONCE = 16_384


class Ours:
    """`FaissIndex` with what it chooses itself."""

    settings = "chosen by the index, as its operating points are"
    knob = "recall"
    range = (0, 1)

    def __init__(self) -> None:
        self._faiss = needed("lookalike.index.faiss")

    def build(self, base: Floats, *, threads: int) -> None:
        """Train, fill and measure the operating points, as `lookalike rebuild` does."""
        needed("faiss").omp_set_num_threads(threads)

        def batches() -> Iterator[tuple[Keys, Vectors]]:
            for start in range(0, len(base), _AT_ONCE):
                some = np.asarray(base[start : start + _AT_ONCE])
                yield np.arange(start, start + len(some)), some

        self._index = self._faiss.build_index(batches, count=len(base), dimension=base.shape[1])

    def save(self, folder: Path) -> None:
        """Its files."""
        self._index.save(folder)

    def load(self, folder: Path, base: Path) -> None:
        """As a snapshot is opened."""
        del base
        needed("faiss").omp_set_num_threads(1)
        self._index = self._faiss.FaissIndex.load(folder)

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the operating point for the recall."""
        found: Ids = self._index.search(queries, k, recall=effort).keys
        return found
