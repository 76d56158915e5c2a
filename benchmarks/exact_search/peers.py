"""The peers of exact search, as their own pages tell to use them: all processors, float32, nothing approximate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import CannotRun
from lookalike.core.vectors import Vectors


class Found(NamedTuple):
    """What a peer answers: shapes (Q, k)."""

    rows: NDArray[np.int64]
    values: NDArray[np.float32]


class FaissFlat:
    """FAISS `IndexFlatIP`."""

    def __init__(self, base: Vectors) -> None:
        try:
            import faiss
        except ImportError as error:
            raise CannotRun("needs faiss-cpu: pip install faiss-cpu") from error
        self._faiss = faiss
        self._index = faiss.IndexFlatIP(base.shape[1])
        self._index.add(base)

    def search(self, queries: Vectors, k: int, *, threads: int) -> Found:
        """The k nearest, and their inner products."""
        self._faiss.omp_set_num_threads(threads)
        values, rows = self._index.search(queries, k)
        return Found(rows, values)


class ScikitLearn:
    """`NearestNeighbors(algorithm="brute")` with its own metric, the Euclidean distance."""

    def __init__(self, base: Vectors) -> None:
        try:
            from sklearn.neighbors import NearestNeighbors
        except ImportError as error:
            raise CannotRun("needs scikit-learn: pip install scikit-learn") from error
        self._neighbours = NearestNeighbors(algorithm="brute").fit(base)

    def search(self, queries: Vectors, k: int) -> Found:
        """The k nearest, and their distances."""
        distances, rows = self._neighbours.kneighbors(queries, n_neighbors=k)
        return Found(rows, distances)
