"""Nearness: how near pictures of a collection are to their nearest, and whether a query has nothing like it there.

A conformal test for outliers (Bates, Candès, Lei, Romano and Sesia, "Testing for outliers with conformal p-values",
Annals of Statistics 51:1, 2023): a sample of the collection's own pictures asks, each left out, for its nearest; a
query that is farther from its nearest than all but `SHARE` of them is said to have nothing like it. Of pictures of the
same kind as the collection's, no more than that share are wrongly said to, whatever the collection is.

How near is told by the raw cosine, the largest among the `DEPTH` nearest. After a projection, which keeps only what
tells the collection's own pictures apart, those of another world come to lie among them. `benchmarks/foreign_queries`
has the figures.

The sample is the pictures whose ids are the smallest: ids are hashes, so that it is a random one, and the same in every
process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.core.vectors import Keys, Vectors, to_unit, unit_of_kept, widen
from lookalike.index.near_identical import THRESHOLD
from lookalike.view.as_searched import project
from lookalike.view.candidates import Candidate
from lookalike.view.index_state import Searched

SHARE = 0.04
"""At most so many queries of the collection's own kind are said to have nothing like them."""

DEPTH = 10
"""So many of the nearest are looked at."""

LEAST = 32
"""Of a sample of fewer pictures nothing is said."""

SAMPLE = 512

_AT_ONCE = 64
_WIDER = 3
_GROWTH = 2


class Nearness(NamedTuple):
    """How near the pictures of a collection are to their nearest.

    Attributes:
        floor: raw cosine to the nearest; of the sample, `SHARE` at most have less.
        typical: similarity of the nearest, as it is searched, of the sample's middle picture.
        sample: how many pictures were asked.
        pictures: how many the collection held then.
    """

    floor: float
    typical: float
    sample: int
    pictures: int


def read_nearness(said: Mapping[str, float]) -> Nearness:
    """As a snapshot says it."""
    return Nearness(said["floor"], said["typical"], int(said["sample"]), int(said["pictures"]))


def measure_nearness(catalog: Catalog, state: Searched) -> Nearness | None:
    """Ask a sample of the collection's pictures, each left out, for their nearest.

    Near-identical pictures (see `lookalike.index.groups`) do not count as one another's nearest, or else a collection
    of copies would find nothing like anything new. Takes one search for each picture of the sample.

    Returns:
        None where fewer than `LEAST` pictures have another one that is not near-identical.
    """
    keys = np.array(sorted(catalog.keys(catalog.find_ids("", limit=SAMPLE)).values()), np.int64)
    parts = [_nearest_others(keys[start : start + _AT_ONCE], catalog, state) for start in range(0, len(keys), _AT_ONCE)]
    if not parts:
        return None
    cosines, similarities = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(cosines) < LEAST:
        return None
    fewer = int(SHARE * (len(cosines) + 1)) - 1  # so many of the sample may be as far as a query that is told
    floor = float(np.sort(cosines)[fewer])
    return Nearness(floor, float(np.median(similarities)), len(cosines), len(state.index))


def has_nothing_like_it(
    query: Vectors, candidates: Sequence[Candidate], nearness: Nearness | None, catalog: Catalog
) -> bool | None:
    """Whether a query is farther from its nearest than nearly all pictures of the collection are from theirs.

    Args:
        query: raw, shape (1, D), float32, any length.
        candidates: its nearest, best first, `DEPTH` at least where there are so many.
        nearness: of the collection; None where it is not known.
        catalog: the collection's.
    Returns:
        None where that cannot be told.
    """
    if nearness is None or not candidates:
        return None
    if candidates[0].similarity >= nearness.typical:  # which spares reading the vectors
        return False
    keys = np.array([one.key for one in candidates[:DEPTH]], np.int64)
    rows = unit_of_kept(catalog.vectors(keys).vectors)
    return len(rows) == 0 or float((rows @ to_unit(query)[0]).max()) < nearness.floor


class _Known(NamedTuple):
    """What was found, and of which state of the collection."""

    generation: int
    pictures: int
    nearness: Nearness | None

    def holds_for(self, generation: int, count: int) -> bool:
        return generation == self.generation and _is_about_as_large(count, self.pictures)


class NearnessInStep:
    """The nearness of one collection, measured again when its index is another or it is twice or half as large.

    Safe to use from many threads. One measures at a time, and nobody waits for it who only wants to know.
    """

    def __init__(self) -> None:
        self._measuring = threading.Lock()
        self._known: _Known | None = None

    def put(self, nearness: Nearness, *, generation: int) -> None:
        """Take over what a snapshot says."""
        self._known = _Known(generation, nearness.pictures, nearness)

    def is_outdated(self, state: Searched, *, generation: int) -> bool:
        """Whether something is known that is to be measured again."""
        return self._known is not None and not self._known.holds_for(generation, len(state.index))

    def now(self, catalog: Catalog, state: Searched, *, generation: int, renew: bool) -> Nearness | None:
        """What is known, or else measured now; see `measure_nearness`.

        Args:
            catalog: the collection's.
            state: its index.
            generation: of the index.
            renew: measure again what is outdated; else that is given.
        Returns:
            what is outdated, or None, while another measures.
        """
        count, known = len(state.index), self._known
        if count < LEAST:
            return None
        if known is not None and (not renew or known.holds_for(generation, count)):
            return known.nearness
        if not self._measuring.acquire(blocking=False):
            return None if known is None else known.nearness
        try:
            return self._measure(catalog, state, generation)
        finally:
            self._measuring.release()

    def measure(self, catalog: Catalog, state: Searched, *, generation: int) -> Nearness | None:
        """What holds for this index, however long that takes."""
        if len(state.index) < LEAST:
            return None
        with turn_of(self._measuring):
            return self._measure(catalog, state, generation)

    def _measure(self, catalog: Catalog, state: Searched, generation: int) -> Nearness | None:
        known, count = self._known, len(state.index)
        if known is None or not known.holds_for(generation, count):
            known = self._known = _Known(generation, count, measure_nearness(catalog, state))
        return known.nearness


def _is_about_as_large(count: int, before: int) -> bool:
    return before < _GROWTH * count and count < _GROWTH * before


def _nearest_others(keys: Keys, catalog: Catalog, state: Searched) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Largest raw cosine and largest similarity of each picture among its nearest others; without those that have none.

    Returns:
        two arrays of shape (n,), float32, n at most the number of keys.
    """
    asked = catalog.vectors(keys)
    raw = widen(asked.vectors)
    found = state.index.search(project(raw, state.projection), min(DEPTH * _WIDER, len(state.index)))
    # found.keys[n, j]: picture n's j-th nearest; itself and near-identical ones are not others
    others = (found.keys >= 0) & (found.keys != asked.keys[:, None]) & (found.similarities < THRESHOLD)
    others &= np.cumsum(others, axis=1) <= DEPTH
    there = catalog.vectors(np.unique(found.keys[others]))
    rows = unit_of_kept(there.vectors)
    cosines = np.full(found.keys.shape, -np.inf, np.float32)
    for n, one in enumerate(to_unit(raw)):
        places = np.flatnonzero(others[n] & np.isin(found.keys[n], there.keys))
        cosines[n, places] = rows[np.searchsorted(there.keys, found.keys[n, places])] @ one
    has_others = np.isfinite(cosines).any(axis=1)
    similarities = np.where(others, found.similarities, -np.inf)
    return cosines.max(axis=1)[has_others], similarities.max(axis=1)[has_others]
