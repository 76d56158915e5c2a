"""Structures that FAISS searches as a whole: graphs, plain codes, and shards of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.saying import PlanCode, among_filtered
from lookalike.core.vectors import Vectors
from lookalike.core.wording import Words, words_of
from lookalike.index.base import SaveTo
from lookalike.index.faiss.columns import Slots
from lookalike.index.faiss.library import faiss
from lookalike.index.faiss.lists import Centroids
from lookalike.index.faiss.structure import Proposal, Structure


class Whole(Structure):
    """A graph such as HNSW, which looks at as many nodes as candidates are wanted, or codes that are all compared."""

    def __init__(self, native: Any, *, mapped: bool = False) -> None:
        super().__init__(native, mapped=mapped)
        self.selects = _selects(native)
        self._graph = isinstance(_inner(native), faiss().IndexHNSW)

    def plan(self, proposal: Proposal, compared: int, *, filtered: bool) -> Words:  # noqa: ARG002
        """How candidates were found, in words."""
        name, code = ("graph", PlanCode.GRAPH) if self._graph else ("all codes", PlanCode.ALL_CODES)
        plan = words_of(f"{name}: {compared:,} compared again", code, compared=int(compared))
        return among_filtered(plan) if filtered else plan

    def _propose(self, queries: Vectors, count: int, gap: float, selector: Any) -> Proposal:  # noqa: ARG002
        parameters = _parameters(self._native, count, selector) if self.selects else None
        _, slots = self._native.search(queries, count, params=parameters)
        return Proposal(slots, 0, count if self._graph else self.count)


class Shards(Structure):
    """Several structures, searched in threads of their own. Those with lists share their centroids."""

    def __init__(self, native: Any, *, mapped: bool = False) -> None:
        super().__init__(native, mapped=mapped)
        self._take(native)

    @property
    def lists(self) -> int:
        """How many inverted lists each shard has."""
        return int(self._centroids.lists.nlist) if self._centroids else 0

    def plan(self, proposal: Proposal, compared: int, *, filtered: bool) -> Words:
        """How candidates were found, in words."""
        plan = self._plan(proposal, int(compared))
        return among_filtered(plan) if filtered else plan

    def _plan(self, proposal: Proposal, compared: int) -> Words:
        shards = int(self._native.count())
        if not self._centroids:
            text = f"{shards} shards: {compared:,} compared again"
            return words_of(text, PlanCode.SHARDS, shards=shards, compared=compared)
        looked_at, lists = round(proposal.lists), self.lists
        text = f"{shards} shards, inverted lists: {looked_at:,} of {lists:,}, {compared:,} compared again"
        values = {"shards": shards, "looked_at": looked_at, "lists": lists, "compared": compared}
        return words_of(text, PlanCode.SHARDED_LISTS, **values)

    def distances(self, vectors: Vectors) -> NDArray[np.float64]:
        """How much less similar than 1 the nearest centroid is to each vector: shape (N,); empty without centroids.

        Args:
            vectors: shape (N, D), float32, of length 1 or 0.
        Returns:
            shape (N,), float64; (0,) without centroids.
        """
        return self._centroids.distances(vectors) if self._centroids else np.empty(0)

    def centroid_similarities(self, vectors: Vectors) -> Vectors:
        """Of vectors and centroids: shape (N, lists); (N, 0) without centroids.

        Args:
            vectors: shape (N, D), float32.
        Returns:
            shape (N, lists), float32; (N, 0) without centroids.
        """
        return self._centroids.of(vectors) if self._centroids else super().centroid_similarities(vectors)

    def save(self, folder: Path) -> list[str]:
        """Write each shard into a file of its own; the names."""
        names = shard_names(self._native.count())
        for shard, name in enumerate(names):
            faiss().write_index(self._native.at(shard), str(folder / name))
        return names

    def freeze(self) -> SaveTo:
        """As it is at this moment, as nobody adds; see `Structure.freeze`."""
        native = self._native
        contents = {
            name: None if self._mapped else faiss().serialize_index(native.at(shard))
            for shard, name in enumerate(shard_names(native.count()))
        }

        def save(folder: Path) -> list[str]:
            for shard, (name, content) in enumerate(contents.items()):
                if content is None:
                    faiss().write_index(native.at(shard), str(folder / name))
                else:
                    with (folder / name).open("wb") as file:
                        content.tofile(file)
            return list(contents)

        return save

    def _take(self, native: Any) -> None:
        super()._take(native)
        first = faiss().downcast_index(native.at(0))
        self._centroids = Centroids(first) if faiss().try_extract_index_ivf(first) is not None else None
        # ids are mapped by changing the parameters, which the threads of all shards would do to the same ones
        self.selects = self._centroids is not None

    def _add(self, vectors: Vectors, slots: Slots) -> None:
        self._native.add_with_ids(vectors, slots)

    def _propose(self, queries: Vectors, count: int, gap: float, selector: Any) -> Proposal:
        if not self._centroids:
            _, slots = self._native.search(queries, count)
            return Proposal(slots, 0, self.count)
        probed = self._centroids.probes(self._centroids.transform(queries), gap).lists.shape[1]
        parameters = faiss().SearchParametersIVF(nprobe=probed, sel=selector)
        _, slots = self._native.search(queries, count, params=parameters)
        return Proposal(slots, probed, self.count * probed / self.lists)


def shard_names(shards: int) -> list[str]:
    """The files of a saved structure of so many shards."""
    return ["index.faiss"] if shards == 1 else [f"index-{shard:04d}.faiss" for shard in range(shards)]


def _inner(native: Any) -> Any:
    """What is wrapped in transforms."""
    native = faiss().downcast_index(native)
    while isinstance(native, faiss().IndexPreTransform):
        native = faiss().downcast_index(native.index)
    return native


def _parameters(native: Any, count: int, selector: Any) -> Any:
    native = faiss().downcast_index(native)
    if isinstance(native, faiss().IndexPreTransform):
        return faiss().SearchParametersPreTransform(index_params=_parameters(native.index, count, selector))
    if isinstance(_inner(native), faiss().IndexHNSW):
        return faiss().SearchParametersHNSW(efSearch=count, sel=selector)
    return faiss().SearchParameters(sel=selector)


def _selects(native: Any) -> bool:
    """Whether it takes a selector; others refuse every parameter."""
    if faiss().try_extract_index_ivf(faiss().downcast_index(native)) is not None:
        return True
    able = faiss().IndexFlat | faiss().IndexScalarQuantizer | faiss().IndexRaBitQ | faiss().IndexHNSW
    return isinstance(_inner(native), able)
