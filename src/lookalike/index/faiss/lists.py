"""Inverted lists: those are looked into whose centroid is nearly as similar to the query as the nearest one is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.saying import PlanCode, among_filtered
from lookalike.core.vectors import Vectors
from lookalike.core.wording import Words, words_of
from lookalike.index.faiss.columns import Slots
from lookalike.index.faiss.library import faiss
from lookalike.index.faiss.structure import Proposal, Structure

_SIZES_OUTDATED = 1.02


class Probes(NamedTuple):
    """Which lists to look into for some queries: numbers and similarities of centroids.

    Attributes:
        lists: shape (Q, P), int64, padded with -1.
        similarities: shape (Q, P), float32.
    """

    lists: NDArray[np.int64]
    similarities: NDArray[np.float32]


class Centroids:
    """What vectors of lists are first compared with.

    Args:
        native: an IndexIVF, or an IndexPreTransform above one.
    """

    def __init__(self, native: Any) -> None:
        self.lists = faiss().extract_index_ivf(native)
        self._transforms = _transforms(native)
        quantizer = faiss().downcast_index(self.lists.quantizer)
        self._centroids: Vectors = quantizer.reconstruct_n(0, self.lists.nlist)

    def transform(self, vectors: Vectors) -> Vectors:
        """Vectors as the lists hold them.

        Args:
            vectors: shape (N, D), float32, C-contiguous.
        Returns:
            shape (N, D'), float32, D' being how wide the lists hold them.
        """
        for transform in self._transforms:
            vectors = transform.apply(vectors)
        return vectors

    def similarities(self, transformed: Vectors) -> Vectors:
        """Of vectors and centroids: shape (Q, lists).

        Args:
            transformed: shape (Q, D'), float32, as `transformed` gives them.
        Returns:
            shape (Q, lists), float32, a new array.
        """
        if len(transformed) > 1:
            return transformed @ self._centroids.T
        one = np.empty((1, len(self._centroids)), np.float32)  # a threaded product of so little waits for its threads
        pointers = map(faiss().swig_ptr, (one, np.ascontiguousarray(transformed), self._centroids))
        faiss().fvec_inner_products_ny(*pointers, self._centroids.shape[1], len(self._centroids))
        return one

    def of(self, vectors: Vectors) -> Vectors:
        """Similarities of vectors as they are given: shape (N, lists).

        Args:
            vectors: shape (N, D), float32.
        Returns:
            shape (N, lists), float32, a new array.
        """
        return self.similarities(self.transform(np.ascontiguousarray(vectors)))

    def distances(self, vectors: Vectors) -> NDArray[np.float64]:
        """How much less similar than 1 the nearest centroid is to each vector: shape (N,).

        Args:
            vectors: shape (N, D), float32, of length 1 or 0.
        Returns:
            shape (N,), float64.
        """
        nearest = [self.of(vector[None]).max() for vector in vectors]
        return 1 - np.array(nearest, np.float64)

    def probes(self, transformed: Vectors, gap: float) -> Probes:
        """The lists whose centroid's similarity is at most `gap` below the best.

        Args:
            transformed: shape (Q, D'), float32, as `transformed` gives them.
            gap: as a difference of similarities.
        """
        chosen = [_near(row, gap) for row in self.similarities(transformed)]
        if len(chosen) == 1:
            return Probes(chosen[0][0][None], chosen[0][1][None])
        width = max((len(lists) for lists, _ in chosen), default=1)
        probes = Probes(np.full((len(chosen), width), -1, np.int64), np.zeros((len(chosen), width), np.float32))
        for n, (lists, similarities) in enumerate(chosen):
            probes.lists[n, : len(lists)], probes.similarities[n, : len(lists)] = lists, similarities
        return probes


class Lists(Structure):
    """Any IndexIVF, also behind transforms of the vectors such as OPQ."""

    def __init__(self, native: Any, *, mapped: bool = False) -> None:
        inverted = faiss().downcast_InvertedLists(faiss().extract_index_ivf(native).invlists)
        super().__init__(native, mapped=mapped and not isinstance(inverted, faiss().BlockInvertedLists))
        self._take(native)

    @property
    def lists(self) -> int:
        """How many inverted lists it has."""
        return int(self._centroids.lists.nlist)

    def plan(self, proposal: Proposal, compared: int, *, filtered: bool) -> Words:
        """How candidates were found, in words."""
        looked_at = round(proposal.lists)
        text = f"inverted lists: {looked_at:,} of {self.lists:,}, {compared:,} compared again"
        plan = words_of(text, PlanCode.LISTS, looked_at=looked_at, lists=self.lists, compared=int(compared))
        return among_filtered(plan) if filtered else plan

    def distances(self, vectors: Vectors) -> NDArray[np.float64]:
        """How much less similar than 1 the nearest centroid is to each vector: shape (N,).

        Args:
            vectors: shape (N, D), float32, of length 1 or 0.
        Returns:
            shape (N,), float64.
        """
        return self._centroids.distances(vectors)

    def centroid_similarities(self, vectors: Vectors) -> Vectors:
        """Of vectors and centroids: shape (N, lists).

        Args:
            vectors: shape (N, D), float32.
        Returns:
            shape (N, lists), float32, a new array.
        """
        return self._centroids.of(vectors)

    def holds_each_once(self) -> bool:
        """Whether each slot from 0 to `count` stands in exactly one list."""
        inverted = faiss().downcast_InvertedLists(self._centroids.lists.invlists)
        seen = np.zeros(self.count, np.int64)
        for number in range(self.lists):
            size = inverted.list_size(number)
            if size:
                slots = faiss().rev_swig_ptr(inverted.get_ids(number), size)
                if slots.min() < 0 or slots.max() >= self.count:
                    return False
                np.add.at(seen, slots, 1)
        return bool((seen == 1).all())

    def _take(self, native: Any) -> None:
        super()._take(native)
        self._centroids = Centroids(native)
        self._sizes, self._sized_at = np.zeros(self.lists, np.int64), -1

    def _add(self, vectors: Vectors, slots: Slots) -> None:
        self._native.add_with_ids(vectors, slots)

    def _propose(self, queries: Vectors, count: int, gap: float, selector: Any) -> Proposal:
        transformed = self._centroids.transform(queries)
        lists, similarities = self._centroids.probes(transformed, gap)
        parameters = faiss().SearchParametersIVF(nprobe=lists.shape[1], sel=selector)
        slots = np.empty((len(queries), count), np.int64)
        products = np.empty((len(queries), count), np.float32)
        pointer = faiss().swig_ptr
        self._centroids.lists.search_preassigned_c(
            len(queries),
            pointer(transformed),
            count,
            pointer(lists),
            pointer(similarities),
            pointer(products),
            pointer(slots),
            False,  # ids, not places in lists
            parameters,
        )
        probed = lists[lists >= 0] if len(queries) > 1 else lists[0]
        return Proposal(slots, len(probed) / len(queries), float(self._list_sizes()[probed].sum()) / len(queries))

    def _list_sizes(self) -> NDArray[np.int64]:
        """Of all lists, nearly up to date: they are only told of."""
        if not self._sized_at <= self.count <= self._sized_at * _SIZES_OUTDATED:
            inverted = faiss().downcast_InvertedLists(self._centroids.lists.invlists)
            self._sizes = np.array([inverted.list_size(number) for number in range(self.lists)], np.int64)
            self._sized_at = self.count
        return self._sizes


def _near(similarities: NDArray[np.float32], gap: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    near = np.flatnonzero(similarities >= similarities.max() - np.float32(gap))
    return near, similarities[near]


def _transforms(native: Any) -> list[Any]:
    if not isinstance(native, faiss().IndexPreTransform):
        return []
    return [faiss().downcast_VectorTransform(native.chain.at(place)) for place in range(native.chain.size())]
