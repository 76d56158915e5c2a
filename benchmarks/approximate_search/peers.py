"""The libraries that ours is compared with, as their documentation builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.approximate_search.engine import Floats, Ids, in_blocks, needed


class Usearch:
    """usearch, bf16."""

    settings = "bf16, inner product, M=16, expansion_add=128"
    knob = "expansion_search"
    range = (10, 8192)

    def __init__(self) -> None:
        self._index_class = needed("usearch.index").Index

    def build(self, base: Floats, *, threads: int) -> None:
        """Add block by block."""
        self._index = self._index_class(
            ndim=base.shape[1], metric="ip", dtype="bf16", connectivity=16, expansion_add=128
        )
        for keys, vectors in in_blocks(base):
            self._index.add(keys, vectors, threads=threads)

    def save(self, folder: Path) -> None:
        """One file."""
        self._index.save(str(folder / "index.usearch"))

    def load(self, folder: Path, base: Path) -> None:
        """Read the file into memory."""
        del base
        self._index = self._index_class.restore(str(folder / "index.usearch"))

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the graph."""
        self._index.expansion_search = int(effort)
        found = self._index.search(queries, k, threads=1)
        return np.asarray(found.keys, dtype=np.int64).reshape(len(queries), -1)


class UsearchRescored(Usearch):
    """usearch as above, where bf16 is too coarse for a high recall: twice as many answers, rescored in float32."""

    settings = Usearch.settings + "; 2k answers rescored with the float32 vectors"

    def load(self, folder: Path, base: Path) -> None:
        """The graph in memory, the vectors mapped."""
        super().load(folder, base)
        self._base = np.asarray(np.load(base, mmap_mode="r"))  # a plain array is quicker to take rows from

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the graph, then by the vectors."""
        ids = super().search(queries, 2 * k, effort)
        return np.stack(
            [row[np.argsort(-(self._base[row] @ query))[:k]] for row, query in zip(ids, queries, strict=True)]
        )


class Hnswlib:
    """hnswlib, float32."""

    settings = "float32, inner product, M=16, ef_construction=200"
    knob = "ef"
    range = (10, 8192)

    def __init__(self) -> None:
        self._index_class = needed("hnswlib").Index

    def build(self, base: Floats, *, threads: int) -> None:
        """Add block by block."""
        self._index = self._index_class(space="ip", dim=base.shape[1])
        self._index.init_index(max_elements=len(base), M=16, ef_construction=200, random_seed=0)
        for keys, vectors in in_blocks(base):
            self._index.add_items(vectors, keys, num_threads=threads)

    def save(self, folder: Path) -> None:
        """One file."""
        self._index.save_index(str(folder / "index.hnswlib"))

    def load(self, folder: Path, base: Path) -> None:
        """Read the file into memory."""
        self._index = self._index_class(space="ip", dim=np.load(base, mmap_mode="r").shape[1])
        self._index.load_index(str(folder / "index.hnswlib"))

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the graph."""
        self._index.set_ef(int(effort))
        found: Ids = self._index.knn_query(queries, k, num_threads=1)[0].astype(np.int64)
        return found


class FaissHnsw:
    """FAISS HNSW over 8-bit codes; 2k answers are rescored by FAISS, for the codes are too coarse for a high recall."""

    settings = "HNSW32_SQ8,Refine(SQfp16), efConstruction=80, k_factor=2"
    knob = "efSearch"
    range = (20, 8192)

    def __init__(self) -> None:
        self._faiss = needed("faiss")

    def build(self, base: Floats, *, threads: int) -> None:
        """Learn the codes from 100,000, then add block by block."""
        self._faiss.omp_set_num_threads(threads)
        self._index = self._faiss.index_factory(base.shape[1], "HNSW32_SQ8,Refine(SQfp16)")
        self._graph().hnsw.efConstruction = 80
        self._index.train(np.array(base[:: max(1, len(base) // 100_000)]))
        for _, vectors in in_blocks(base):
            self._index.add(vectors)

    def save(self, folder: Path) -> None:
        """One file."""
        self._faiss.write_index(self._index, str(folder / "index.faiss"))

    def load(self, folder: Path, base: Path) -> None:
        """Read the file into memory."""
        del base
        self._faiss.omp_set_num_threads(1)
        self._index = self._faiss.read_index(str(folder / "index.faiss"))
        self._index.k_factor = 2

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """By the graph, then by the fp16 vectors."""
        self._graph().hnsw.efSearch = int(effort)
        found: Ids = self._index.search(queries, k)[1]
        return found

    def _graph(self) -> Any:
        return self._faiss.downcast_index(self._index.base_index)


class Annoy:
    """Annoy, a forest."""

    settings = "angular, 100 trees"
    knob = "search_k"
    range = (1000, 1_000_000)

    def __init__(self) -> None:
        self._index_class = needed("annoy").AnnoyIndex

    def build(self, base: Floats, *, threads: int) -> None:
        """Add one by one, as is the only way, then plant."""
        self._index = self._index_class(base.shape[1], "angular")
        self._index.set_seed(1)
        for n, vector in enumerate(base):
            self._index.add_item(n, vector)
        self._index.build(100, n_jobs=threads)

    def save(self, folder: Path) -> None:
        """One file."""
        self._index.save(str(folder / "index.annoy"))

    def load(self, folder: Path, base: Path) -> None:
        """Map the file."""
        self._index = self._index_class(np.load(base, mmap_mode="r").shape[1], "angular")
        self._index.load(str(folder / "index.annoy"))

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """One by one, as is the only way."""
        found = np.full((len(queries), k), -1, np.int64)
        for n, query in enumerate(queries):
            ids = self._index.get_nns_by_vector(query, k, search_k=int(effort))
            found[n, : len(ids)] = ids
        return found
