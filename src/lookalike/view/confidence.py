"""Confidence: the share of random pairs of a collection's pictures that are less alike than a hit and its query.

A cosine says little by itself: 0.6 is much among photos of all kinds, and nothing among photos of one kind. Its place
among the cosines of pairs that were put together by chance says the same in every collection.

The sample is the pictures whose ids are the smallest. Ids are hashes of the pictures' bytes, so that this is a random
sample, the same one in every process and every copy of a collection, and little of it changes as pictures come and go.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.core.vectors import Vectors
from lookalike.index.near_identical import THRESHOLD
from lookalike.view.view import View

LEAST = 32
"""So many different pictures make 496 pairs; of fewer nothing is said."""

SAMPLE = 512
"""So many make 130,816 pairs, which takes some 5 ms once."""

_GROWTH = 2


class Pairs:
    """How alike pictures of a collection are by chance.

    Args:
        similarities: shape (P,), float32, any order, P at least 1.
    """

    def __init__(self, similarities: NDArray[np.float32]) -> None:
        self._rising = np.sort(similarities)

    def __len__(self) -> int:
        return len(self._rising)

    def confidences(self, similarities: Sequence[float]) -> list[float]:
        """The share of pairs that are less alike: of P + 1, so that it is never 1, which no sample can tell.

        Args:
            similarities: cosines, as hits report them.
        """
        below = np.searchsorted(self._rising, np.asarray(similarities, np.float32), side="left")
        return [float(share) for share in below / (len(self._rising) + 1)]


def pairs_among(vectors: Vectors) -> Pairs | None:
    """All pairs of different pictures; near-identical ones (see `lookalike.index.groups`) count as one picture.

    Args:
        vectors: shape (N, d), float32, of length 1 or 0, as they are searched.
    Returns:
        None where fewer than `LEAST` are different.
    """
    similarities = vectors @ vectors.T
    # similarities[i, j]: picture i against picture j; of those alike the first stays
    repeated = (np.triu(similarities, 1) >= THRESHOLD).any(axis=0)
    kept = np.flatnonzero(~repeated)
    if len(kept) < LEAST:
        return None
    among = similarities[np.ix_(kept, kept)]
    return Pairs(among[np.triu_indices(len(kept), 1)])


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found, and of which state of the collection."""

    generation: int
    count: int
    pairs: Pairs | None

    def holds_for(self, generation: int, count: int) -> bool:
        return generation == self.generation and self.count < _GROWTH * count and count < _GROWTH * self.count


class Confidences:
    """The pairs of one collection, looked at again when its index is another or it is twice or half as large.

    Safe to use from many threads; of those that find nothing one computes and the others wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def pairs(self, catalog: Catalog, view: View, *, count: int) -> Pairs | None:
        """Random pairs of the collection's pictures.

        Args:
            catalog: the collection's.
            view: its index: pictures are compared as a search compares them.
            count: how many pictures it holds.
        Returns:
            None in a collection of fewer than `LEAST` different pictures.
        """
        if count < LEAST:
            return None
        generation = view.generation
        with turn_of(self._lock):
            if self._known is None or not self._known.holds_for(generation, count):
                ids = catalog.find_ids("", limit=SAMPLE)
                keys = np.array(sorted(catalog.keys(ids).values()), np.int64)
                self._known = _Known(generation, count, pairs_among(view.stored(keys).vectors))
            return self._known.pairs
