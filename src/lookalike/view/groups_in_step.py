"""Groups of near-identical pictures, kept in step with the index."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.index.projection import Projection
from lookalike.view.building import vectors_of_catalog
from lookalike.view.held import Held, as_float32, projected

if TYPE_CHECKING:
    from lookalike.index.groups import Groups


class GroupsInStep:
    """Made when first asked for, and brought up to date by the change feed; made anew with a new projection."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._groups: Groups | None = None
        self._projection: Projection | None = None
        self._seq = 0

    def in_step(self, catalog: Catalog, held: Held) -> Groups:
        """The groups of what an index holds, or of a little more where changes have come just now."""
        with turn_of(self._changing):
            if self._groups is None or self._projection is not held.projection:
                self._groups = self._made(catalog, held)
            elif self._seq < held.seq:
                self._follow(self._groups, catalog)
            return self._groups

    def _made(self, catalog: Catalog, held: Held) -> Groups:
        from lookalike.index.groups import Groups  # which most searches do not need

        seq, projection = catalog.last_seq(), held.projection
        groups = Groups(held.index.dimension, vectors_of=lambda keys: _vectors_of(keys, catalog, projection))
        for keys, vectors in vectors_of_catalog(catalog, projection):
            groups.upsert(keys, vectors)
        self._projection, self._seq = projection, seq
        return groups

    def _follow(self, groups: Groups, catalog: Catalog) -> None:
        changes = catalog.changes(self._seq)
        groups.remove(np.array([change.key for change in changes if change.removed], np.int64))
        groups.upsert(*_vectors_of([change.key for change in changes if not change.removed], catalog, self._projection))
        self._seq = changes[-1].seq if changes else self._seq


def _vectors_of(keys: Keys | Sequence[int], catalog: Catalog, projection: Projection | None) -> tuple[Keys, Vectors]:
    stored = catalog.vectors(keys)
    return stored.keys, normalise(projected(as_float32(stored.vectors), projection))
