"""A structure of FAISS, which proposes candidates: what all kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors
from lookalike.core.wording import Words
from lookalike.index.base import SaveTo
from lookalike.index.faiss.access import Access
from lookalike.index.faiss.columns import Slots
from lookalike.index.faiss.library import faiss

_WORTH_THREADS = 64


class Proposal(NamedTuple):
    """Candidates.

    Attributes:
        slots: shape (Q, R), int64, the best by code, padded with -1.
        lists: how many inverted lists were looked into per query, on average; 0 where there are none.
        scanned: how many codes were compared per query, on average.
    """

    slots: NDArray[np.int64]
    lists: float
    scanned: float


class Structure(ABC):
    """Proposes candidates by their codes. Many may ask at once, also while one thread adds.

    Args:
        native: an index of FAISS, trained.
        mapped: whether it lies in a file that is mapped into memory; it is copied before it is first added to, for
            FAISS ends the process otherwise.
    """

    selects = True
    """Whether candidates are only those that may be answered; else the caller has to sort out the others."""

    def __init__(self, native: Any, *, mapped: bool = False) -> None:
        self._native = native
        self._mapped = mapped
        self._access = Access()

    @property
    def native(self) -> Any:
        """FAISS's own object."""
        return self._native

    @property
    def count(self) -> int:
        """How many vectors it holds."""
        return int(self._native.ntotal)

    @property
    def lists(self) -> int:
        """How many inverted lists it has; 0 for a structure without."""
        return 0

    def add(self, vectors: Vectors, *, first: int, piece: int) -> None:
        """Add vectors, as those of the slots from `first` on, which is `count`.

        Args:
            vectors: shape (N, D), float32, rows of length 1 or 0.
            first: the slot of the first.
            piece: so many are added while searches wait: for milliseconds, unless more are wanted.
        """
        if self._mapped:
            with self._access.writing:
                self._take(faiss().deserialize_index(faiss().serialize_index(self._native)))
                self._mapped = False
        for start in range(0, len(vectors), piece):
            some = np.ascontiguousarray(vectors[start : start + piece])
            with self._access.writing, _threads_for(len(some)):
                self._add(some, np.arange(first + start, first + start + len(some)))

    def propose(self, queries: Vectors, count: int, *, gap: float, allowed: NDArray[np.uint8] | None) -> Proposal:
        """Find the best by code.

        Args:
            queries: shape (Q, D), float32, C-contiguous, of length 1 or 0.
            count: R, how many to propose.
            gap: how much less similar than the nearest centroid one may be whose list is looked into.
            allowed: shape (B,), uint8: a bit for each slot that may be proposed, the lowest bit first; slots behind its
                end may not. None proposes any, also those that are being added.
        """
        selector = faiss().IDSelectorBitmap(allowed) if allowed is not None else None
        with self._access:
            return self._propose(queries, count, gap, selector)

    @abstractmethod
    def plan(self, proposal: Proposal, compared: int, *, filtered: bool) -> Words:
        """How candidates were found, in words."""

    def distances(self, vectors: Vectors) -> NDArray[np.float64]:  # noqa: ARG002 - where there are no lists
        """How much less similar than 1 the nearest centroid is to each vector: shape (N,); empty without centroids.

        Args:
            vectors: shape (N, D), float32, of length 1 or 0.
        Returns:
            shape (N,), float64; (0,) without centroids.
        """
        return np.empty(0)

    def centroid_similarities(self, vectors: Vectors) -> Vectors:
        """Of vectors and centroids: shape (N, lists).

        Args:
            vectors: shape (N, D), float32.
        Returns:
            shape (N, lists), float32; (N, 0) without centroids.
        """
        return np.empty((len(vectors), 0), np.float32)

    def save(self, folder: Path) -> list[str]:
        """Write it, as nobody adds; the names of the files."""
        return _write(self._native, folder / "index.faiss")

    def freeze(self) -> SaveTo:
        """As it is at this moment, as nobody adds: copied in memory where it can change, for FAISS adds in place."""
        native = self._native
        if self._mapped:  # it is copied before it is first added to
            return lambda folder: _write(native, folder / "index.faiss")
        content = faiss().serialize_index(native)
        return lambda folder: _write_bytes(content, folder / "index.faiss")

    def holds_each_once(self) -> bool:
        """Whether each slot from 0 to `count` is there exactly once, as far as FAISS lets that be seen."""
        return True

    def _take(self, native: Any) -> None:
        self._native = native

    def _add(self, vectors: Vectors, slots: Slots) -> None:  # noqa: ARG002 - it numbers them itself, as we do
        self._native.add(vectors)

    @abstractmethod
    def _propose(self, queries: Vectors, count: int, gap: float, selector: Any) -> Proposal: ...


def _write(native: Any, path: Path) -> list[str]:
    faiss().write_index(native, str(path))
    return [path.name]


def _write_bytes(content: NDArray[np.uint8], path: Path) -> list[str]:
    with path.open("wb") as file:
        content.tofile(file)
    return [path.name]


@contextmanager
def _threads_for(count: int) -> Iterator[None]:
    """One thread for few vectors: to start others takes longer, and on a busy machine a hundred times as long.

    What is set holds for the thread that sets it alone.
    """
    if count >= _WORTH_THREADS:
        yield
        return
    usual = faiss().omp_get_max_threads()
    faiss().omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss().omp_set_num_threads(usual)
