"""A version of an index elsewhere that is fed like a local index, so that the same contract holds for both."""

from __future__ import annotations

import numpy as np

from lookalike.core.records import START, Json, Neighbours
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Selection, keys_among
from lookalike.index.remote import Batch, RemoteIndex

NAME = "only"


class FedVersion:
    """See `lookalike.index.base.LocalIndex`, but for saving. Filters are none of its affair.

    Args:
        server: of which it is to be the only version.
        dimension: of its vectors.
    """

    worn = ""
    takes_filters = False

    def __init__(self, server: RemoteIndex, dimension: int) -> None:
        server.create(NAME, projection_version=0, dimension=dimension, fence=1)
        server.swap(NAME, fence=1)
        self._server = server
        self._version = server.at(NAME)
        self.engine = self._version.engine
        self.recall = self._version.recall
        self.parameters: dict[str, Json] = self._version.parameters

    @property
    def dimension(self) -> int:
        return self._version.dimension

    def __len__(self) -> int:
        return len(self._version)

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        return self._version.search(queries, k, among=keys_among(among), recall=recall)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        self._server.apply(NAME, Batch(keys, vectors, np.empty(0, np.int64)), cursor=START, fence=1)

    def remove(self, keys: Keys) -> None:
        nothing = Batch(np.empty(0, np.int64), np.empty((0, self.dimension), np.float32), keys)
        self._server.apply(NAME, nothing, cursor=START, fence=1)
