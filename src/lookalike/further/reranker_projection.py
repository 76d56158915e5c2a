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

from lookalike.catalog.base import Catalog, FurtherModel
from lookalike.core.ending import turn_of
from lookalike.core.vectors import unit_of_kept
from lookalike.further.earlier_projection import read_projection
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn
from lookalike.view.projections import ChosenProjection, choose, is_due, keep, storable
from lookalike.view.waiting import Waiting, untold

SAMPLE = 4096
"""Learning from so many takes about a second."""

_SHARE = 0.5

_log = logging.getLogger(__name__)


class RerankerProjection:
    """Learns once at least half of the pictures have a vector, and anew when there are twice or half as many pictures.

    Vectors that searches leave behind, one by one, are no fair sample before that. What was learnt lies in the catalog,
    as the collection's own does (see `lookalike.view.projections`). Safe to use from many threads.

    Args:
        catalog: the collection's.
        name: of the further model.
        folder: where 0.1.0 kept what it had learnt; None where that kept nothing.
        waiting: told when it is learnt.
    """

    def __init__(self, catalog: Catalog, name: str, *, folder: Path | None = None, waiting: Waiting = untold) -> None:
        self._catalog = catalog
        self._name = name
        self._folder = folder
        self._waiting = waiting
        self._lock = threading.Lock()
        self._chosen: ChosenProjection | None = None

    def get(self) -> Projection | None:
        """The projection; None while there is none to be had. Takes about a second where it has to be learnt."""
        images = self._catalog.facts().images
        model = next((one for one in self._catalog.further_models() if one.name == self._name), None)
        if model is None or model.count < max(LEAST_TO_LEARN, _SHARE * images):
            return None
        with turn_of(self._lock):
            if self._chosen is None or is_due(self._chosen.tried_with, images):
                self._chosen = self._choose(model, images)
            return self._chosen.projection

    def _choose(self, model: FurtherModel, images: int) -> ChosenProjection:
        def learn_from_sample() -> Projection | None:
            _log.info("the projection of the model %s is learnt from %d pictures", self._name, images)
            with self._waiting(f"The projection of the model {self._name} is learnt", min(SAMPLE, images)):
                return self._from_sample()

        return self._adopt_earlier(model, images) or choose(
            self._catalog, count=images, learn=learn_from_sample, model=model.name, dimension=model.dimension
        )

    def _adopt_earlier(self, model: FurtherModel, images: int) -> ChosenProjection | None:
        """What 0.1.0 has learnt from this catalog, while it fits and there is no version yet."""
        if self._folder is None or self._catalog.projection_version(model=model.name):
            return None
        found = read_projection(self._folder, model.model_id)
        if found is None or is_due(found.state.images, images) or not self._catalog.follows(found.state.cursor):
            return None
        old = storable(found.projection, dimension=model.dimension, learnt_from=found.state.images)
        return keep(self._catalog, old, after=0, model=model.name)

    def _from_sample(self) -> Projection | None:
        keys = sorted(self._catalog.keys(self._catalog.find_ids("", limit=SAMPLE)).values())
        stored = self._catalog.model_vectors(self._name, np.array(keys, np.int64))
        return learn([unit_of_kept(stored.vectors)], count=len(stored.keys))
