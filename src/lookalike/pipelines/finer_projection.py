"""The projection of a further model's vectors, so that they are compared as the collection's own are.

Raw vectors share what all pictures of a collection have in common; a finer model compared raw can be worse than a
coarser one after its projection. It is learnt as that is, see `lookalike.index.projection`, from a sample: pictures
whose ids, which are hashes, are the smallest.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.vectors import normalise, widened
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn

SAMPLE = 4096
"""Learning from so many takes about a second."""

_SHARE = 0.5
_GROWTH = 2


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What was learnt when the collection held `images` pictures; None where they were all the same."""

    images: int
    projection: Projection | None


class FinerProjection:
    """Learns once at least half of the pictures have a vector, and anew when there are twice or half as many pictures.

    Vectors that searches leave behind, one by one, are no fair sample before that. Safe to use from many threads.

    Args:
        catalog: the collection's.
        name: of the further model.
    """

    def __init__(self, catalog: Catalog, name: str) -> None:
        self._catalog = catalog
        self._name = name
        self._lock = threading.Lock()
        self._learnt: _Learnt | None = None

    def get(self) -> Projection | None:
        """The projection; None while there is none to be had. Takes about a second where it has to be learnt."""
        images = self._catalog.facts().images
        count = next((one.count for one in self._catalog.further_models() if one.name == self._name), 0)
        if count < max(LEAST_TO_LEARN, _SHARE * images):
            return None
        with self._lock:
            known = self._learnt
            if known is None or not known.images < _GROWTH * images < _GROWTH**2 * known.images:
                self._learnt = known = _Learnt(images, self._from_sample())
            return known.projection

    def _from_sample(self) -> Projection | None:
        keys = sorted(self._catalog.keys(self._catalog.find_ids("", limit=SAMPLE)).values())
        stored = self._catalog.model_vectors(self._name, np.array(keys, np.int64))
        return learn([normalise(widened(stored.vectors))], count=len(stored.keys))
