"""Which projection an index is made with: the catalog's newest version, and a new one where that is due.

The versions lie in the catalog, so that whoever makes an index of it, now or after it has grown, makes the same one. A
version of no columns says that vectors are compared as they are: there were too few to learn from, or all were equal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import MAIN, Catalog
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import Conflict, Locked, ReadOnly, SnapshotDamaged, StorageFailed
from lookalike.core.stored_projection import StoredProjection
from lookalike.index.projection import LEAST_TO_LEARN, Projection
from lookalike.view.index_state import IndexState

_log = logging.getLogger(__name__)


class ChosenProjection(NamedTuple):
    """What an index is made with.

    Attributes:
        projection: what vectors pass before they come into it; None for raw ones.
        version: its number in the catalog; 0 where there is none, or the catalog could not be written.
        tried_with: from how many pictures it was learnt, or could not be; 0 where that was never tried.
    """

    projection: Projection | None
    version: int
    tried_with: int


def is_due(tried_with: int, count: int) -> bool:
    """Whether a projection is to be learnt: once there is enough, and when the collection has doubled or halved.

    Args:
        tried_with: how many pictures there were when that was last tried; 0 for never.
        count: how many there are.
    """
    if tried_with < LEAST_TO_LEARN:
        return count >= LEAST_TO_LEARN
    return not tried_with // 2 < count < tried_with * 2


def choose(
    catalog: Catalog,
    *,
    count: int,
    learn: Callable[[], Projection | None],
    anew: bool = False,
    model: str = MAIN,
    dimension: int | None = None,
) -> ChosenProjection:
    """The catalog's newest version, or a new one where that is due, which is put into the catalog.

    Of two processes that learn at the same time, the second takes what the first has put. Where the catalog cannot be
    written, what was learnt is used without a version, until a process that can write learns or adopts it.

    Args:
        catalog: the truth.
        count: how many pictures it holds.
        learn: learns from them; None where nothing can be learnt.
        anew: learn in any case.
        model: whose vectors these are: `main` for the collection's own, or the name of a further one.
        dimension: of a further model's vectors.
    """
    newest = catalog.projection(model=model)
    if not anew and not is_due(0 if newest is None else newest.learnt_from, count):
        return ChosenProjection(None, 0, 0) if newest is None else _choose(newest)
    new = storable(learn(), dimension=dimension or catalog.dimension, learnt_from=count)
    return keep(catalog, new, after=0 if newest is None else newest.version, model=model)


def adopt(state: IndexState, catalog: Catalog) -> IndexState:
    """The index of a snapshot whose projection has no version yet, as earlier versions of Lookalike wrote them.

    The projection becomes the catalog's first version, so that an index made anew goes on answering as this one. Where
    the catalog cannot be written, or somebody else is writing, the next opening does that.

    Raises:
        SnapshotDamaged: when the catalog's versions are others.
    """
    if state.projection is None or state.projection_version:
        return state
    newest = catalog.projection()
    if newest is not None:
        if not _are_equal(newest, state.projection):
            raise SnapshotDamaged(
                f"expected version {newest.version} of the projection, found one learnt from {state.tried_with}: "
                "make it anew"
            )
        return replace(state, projection_version=newest.version)
    old = storable(state.projection, dimension=catalog.dimension, learnt_from=state.tried_with)
    try:
        put = in_transaction(catalog, lambda transaction: transaction.put_projection(old, after=0), wait=False)
        return replace(state, projection_version=put)
    except (Conflict, ReadOnly, Locked, StorageFailed) as error:
        _log.info("the projection of the index is not in the catalog yet: %s", error)
        return state


def keep(catalog: Catalog, new: StoredProjection, *, after: int, model: str = MAIN) -> ChosenProjection:
    """Put a version behind the newest; where another one has been put there, that one is chosen.

    Args:
        catalog: the truth; where it cannot be written, `new` is chosen without a version.
        new: what was learnt.
        after: the newest version that was known.
        model: as in `choose`.
    """
    return _choose(_put(catalog, new, after=after, model=model))


def _put(catalog: Catalog, new: StoredProjection, *, after: int, model: str) -> StoredProjection:
    try:
        version = in_transaction(catalog, lambda transaction: transaction.put_projection(new, after=after, model=model))
        return replace(new, version=version)
    except Conflict:
        return catalog.projection(model=model) or new
    except (ReadOnly, Locked, StorageFailed) as error:
        _log.info("what was learnt of the collection is used, and not kept: %s", error)
        return new


def _choose(stored: StoredProjection) -> ChosenProjection:
    return ChosenProjection(projection_of(stored), stored.version, stored.learnt_from)


def projection_of(stored: StoredProjection) -> Projection | None:
    """A stored version to compute with; None where it says that vectors are compared as they are."""
    if not stored.components.shape[1]:
        return None
    return Projection(stored.mean, stored.components, learnt_from=stored.learnt_from)


def storable(projection: Projection | None, *, dimension: int, learnt_from: int) -> StoredProjection:
    """What was learnt as a catalog keeps it; None, where nothing could be learnt, as a version without columns.

    Args:
        projection: what was learnt.
        dimension: D of the vectors.
        learnt_from: how many there were.
    """
    if projection is None:
        mean, components = np.zeros(dimension, np.float32), np.empty((dimension, 0), np.float32)
    else:
        mean, components = projection.mean, projection.components
    return StoredProjection(mean, components, learnt_from, time.time())


def _are_equal(stored: StoredProjection, projection: Projection) -> bool:
    return np.array_equal(stored.mean, projection.mean) and np.array_equal(stored.components, projection.components)
