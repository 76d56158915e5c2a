"""Building an index from the catalog."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lookalike.catalog.base import Catalog, StoredVectors
from lookalike.core.errors import BadInput
from lookalike.core.records import Cursor
from lookalike.core.vectors import Keys, Vectors, unit_of_kept, widen
from lookalike.index.base import Engines, LocalIndex
from lookalike.index.choice import AUTO, ONE_BY_ONE, engine_for
from lookalike.index.projection import Projection, learn
from lookalike.storage.claim import claim
from lookalike.storage.private import keep_private
from lookalike.storage.temporary_folder import given_or_temporary
from lookalike.view.as_searched import as_searched, project
from lookalike.view.index_state import IndexState
from lookalike.view.laid_out_vectors import lay_out_vectors
from lookalike.view.projections import ChosenProjection, choose
from lookalike.view.waiting import Reached
from lookalike.view.wish import Wish


def build(
    catalog: Catalog,
    wish: Wish,
    engines: Engines,
    *,
    workplace: Path | None,
    reached: Reached | None = None,
    learn_anew: bool = False,
) -> IndexState:
    """Make an index of all that the catalog holds, with the newest version of its projection.

    What is committed meanwhile is in it or not; the change feed from `cursor` of the answer on tells.

    Args:
        catalog: the truth.
        wish: what is wanted.
        engines: that make it.
        workplace: where a long build keeps what is done, so that a killed one goes on; `discard_workplace` deletes it.
            None for a temporary one.
        reached: told how many pictures have been read, those that are read twice counting half each time.
        learn_anew: learn the projection in any case, not only when that is due; see `lookalike.view.projections`.
    Raises:
        BadInput: when the factory string is none, or the memory budget is too small.
        MissingExtra: when a graphics card is wanted and torch is not installed.
        StorageFailed: when the disk is full or fails.
    """
    reading = _Reading(catalog, reached)
    chosen = _choose(catalog, wish, reading, anew=learn_anew)
    cursor, facts = catalog.cursor(), catalog.facts()  # after a new version was put, so that a killed build goes on
    projection = chosen.projection
    dimension = projection.dimension if projection else catalog.dimension
    engine = engine_for(facts.images, wish.engine)
    index: LocalIndex
    if engine in ONE_BY_ONE:
        index = _fill(engines.empty(dimension, engine=engine), reading, projection)
    else:
        with _alone(workplace) as kept, given_or_temporary(kept) as place:
            subject = _subject(catalog.model_id, cursor, projection)
            try:
                vectors = lay_out_vectors(
                    lambda: _batches_as_searched(reading.all_vectors(), projection),
                    place / "vectors",
                    subject=subject,
                    dimension=dimension,
                )
                index = engines.build(
                    vectors.batches,
                    dimension=dimension,
                    factory=None if wish.engine == AUTO else wish.engine,
                    recall=wish.recall,
                    memory_bytes=wish.memory_bytes,
                    workplace=place / "index",
                    subject=subject,
                )
            except BadInput:  # what is asked for cannot be built: nobody will go on with it
                shutil.rmtree(place, ignore_errors=True)
                raise
    return IndexState(
        index=index,
        projection=projection,
        tried_with=chosen.tried_with,
        projection_version=chosen.version,
        newest_version=chosen.version,
        cursor=cursor,
    )


def _choose(catalog: Catalog, wish: Wish, reading: _Reading, *, anew: bool) -> ChosenProjection:
    if wish.projecting == "off":
        return ChosenProjection(None, 0, 0)
    count = catalog.facts().images

    def learn_from_all() -> Projection | None:
        reading.times = 2
        return learn((unit_of_kept(stored.vectors) for stored in reading.all_vectors()), count=count)

    return choose(catalog, count=count, learn=learn_from_all, anew=anew)


class _Reading:
    """Reads all vectors, as many `times` as it is told, and tells how far it has come."""

    def __init__(self, catalog: Catalog, reached: Reached | None) -> None:
        self._catalog = catalog
        self._reached = reached
        self.times = 1
        self._read = 0

    def all_vectors(self) -> Iterator[StoredVectors]:
        for stored in self._catalog.all_vectors():
            yield stored
            self._read += len(stored.keys)
            if self._reached is not None:
                self._reached(self._read // self.times)


def discard_workplace(workplace: Path) -> None:
    """Delete what a build has left, unless one is running there. What was built stays usable; idempotent."""
    with _alone(workplace) as place:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def vectors_of_catalog(catalog: Catalog, projection: Projection | None) -> Iterator[tuple[Keys, Vectors]]:
    """All vectors as they are searched, in ascending order of key, in batches.

    Yields:
        keys, shape (n,), int64, and vectors, shape (n, D), float32.
    """
    return _batches_as_searched(catalog.all_vectors(), projection)


def _batches_as_searched(
    batches: Iterable[StoredVectors], projection: Projection | None
) -> Iterator[tuple[Keys, Vectors]]:
    for stored in batches:
        yield stored.keys, as_searched(stored, projection)


@contextmanager
def _alone(workplace: Path | None) -> Iterator[Path | None]:
    """The workplace, for one process at a time; None where another is building there, or it cannot be written."""
    if workplace is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            keep_private(workplace.with_suffix(".lock"))
            descriptor = claim(workplace.with_suffix(".lock"))
        except OSError:
            descriptor = None
        if descriptor is not None:
            stack.callback(os.close, descriptor)
        yield None if descriptor is None else workplace


def _subject(model_id: str, cursor: Cursor, projection: Projection | None) -> str:
    """Names the vectors that are built from: a killed build goes on only with the same ones."""
    learnt = hashlib.sha256()
    if projection is not None:
        learnt.update(projection.mean.tobytes() + projection.components.tobytes())
    return f"{model_id} {cursor} {learnt.hexdigest()}"


def _fill(index: LocalIndex, reading: _Reading, projection: Projection | None) -> LocalIndex:
    for stored in reading.all_vectors():
        index.upsert(stored.keys, project(widen(stored.vectors), projection))
    return index
