"""The projection of a further model's vectors, so that they are compared as the collection's own are.

Raw vectors share what all pictures of a collection have in common; a finer model compared raw can be worse than a
coarser one after its projection. It is learnt as that is, see `lookalike.index.projection`, from a sample: pictures
whose ids, which are hashes, are the smallest.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.core.errors import StorageFailed
from lookalike.core.vectors import normalise, widened
from lookalike.further.kept_projection import LearntProjection, State, keep_projection, read_projection
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn
from lookalike.view.waiting import Waiting, untold

SAMPLE = 4096
"""Learning from so many takes about a second."""

_SHARE = 0.5
_GROWTH = 2

_log = logging.getLogger(__name__)


class FinerProjection:
    """Learns once at least half of the pictures have a vector, and anew when there are twice or half as many pictures.

    Vectors that searches leave behind, one by one, are no fair sample before that. What was learnt is kept in a folder
    for the next process. Safe to use from many threads.

    Args:
        catalog: the collection's.
        name: of the further model.
        folder: where it is kept; None keeps it in memory alone.
        may_write: whether the folder may be written.
        waiting: told when it is learnt.
    """

    def __init__(
        self,
        catalog: Catalog,
        name: str,
        *,
        folder: Path | None = None,
        may_write: bool = True,
        waiting: Waiting = untold,
    ) -> None:
        self._catalog = catalog
        self._name = name
        self._folder = folder
        self._may_write = may_write
        self._waiting = waiting
        self._lock = threading.Lock()
        self._learnt: LearntProjection | None = None

    def get(self) -> Projection | None:
        """The projection; None while there is none to be had. Takes about a second where it has to be learnt."""
        images = self._catalog.facts().images
        model = next((one for one in self._catalog.further_models() if one.name == self._name), None)
        if model is None or model.count < max(LEAST_TO_LEARN, _SHARE * images):
            return None
        with turn_of(self._lock):
            if not _fits(self._learnt, images):
                self._learnt = self._kept(model.model_id, images) or self._anew(model.model_id)
            return self._learnt.projection if self._learnt is not None else None

    def _kept(self, model_id: str, images: int) -> LearntProjection | None:
        """What an earlier process learnt from this catalog, while it fits."""
        found = read_projection(self._folder, model_id) if self._folder is not None else None
        return found if found is not None and _fits(found, images) and self._is_of_catalog(found.state) else None

    def _is_of_catalog(self, state: State) -> bool:
        return state.seq <= self._catalog.last_seq() and state.lineage == self._catalog.lineage(state.seq)

    def _anew(self, model_id: str) -> LearntProjection:
        facts = self._catalog.facts()
        _log.info("the projection of the model %s is learnt from %d pictures", self._name, facts.images)
        state = State(model_id, facts.last_seq, self._catalog.lineage(facts.last_seq), facts.images)
        with self._waiting(f"The projection of the model {self._name} is learnt", min(SAMPLE, facts.images)):
            learnt = LearntProjection(state, self._from_sample())
        if self._folder is not None and self._may_write:
            try:
                keep_projection(self._folder, learnt)
            except StorageFailed as error:  # the next process learns it again
                _log.info("%s", error)
        return learnt

    def _from_sample(self) -> Projection | None:
        keys = sorted(self._catalog.keys(self._catalog.find_ids("", limit=SAMPLE)).values())
        stored = self._catalog.model_vectors(self._name, np.array(keys, np.int64))
        return learn([normalise(widened(stored.vectors))], count=len(stored.keys))


def _fits(learnt: LearntProjection | None, images: int) -> bool:
    """Until the collection has doubled or halved."""
    return learnt is not None and learnt.state.images < _GROWTH * images < _GROWTH**2 * learnt.state.images
