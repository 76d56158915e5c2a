"""Our own index, asked as a collection asks it: for a recall."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.approximate_search.engine import Floats, Ids, needed


class Ours:
    """`FaissIndex` with what it chooses itself."""

    settings = "chosen by the index, as its operating points are"
    knob = "recall"
    range = (0, 1)

    def __init__(self) -> None:
        self._index_class = needed("lookalike.index.faiss").FaissIndex

    def build(self, base: Floats, *, threads: int) -> None:
        """All at once."""
        needed("faiss").omp_set_num_threads(threads)
        self._index = self._index_class.build(np.arange(len(base)), base)

    def save(self, folder: Path) -> None:
        """Its files."""
        self._index.save(folder)

    def load(self, folder: Path, base: Path) -> None:
        """As a snapshot is opened."""
        del base
        needed("faiss").omp_set_num_threads(1)
        self._index = self._index_class.load(folder)

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the operating point for the recall."""
        found: Ids = self._index.search(queries, k, recall=effort).keys
        return found
