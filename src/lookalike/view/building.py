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
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.index.base import Engines, Index
from lookalike.index.choice import AUTO, EXACT, engine_for
from lookalike.index.projection import Projection, learn
from lookalike.storage.claim import claimed
from lookalike.storage.private import keep_private, make_private
from lookalike.storage.temporary_folder import given_or_temporary
from lookalike.view.held import Held, Wish, as_float32, projected
from lookalike.view.vector_spool import spooled
from lookalike.view.waiting import Reached


def build(
    catalog: Catalog, wish: Wish, engines: Engines, *, workplace: Path | None, reached: Reached | None = None
) -> Held:
    """Make an index of all that the catalog holds.

    What is committed meanwhile is in it or not; the change feed from `seq` of the answer on tells.

    Args:
        catalog: the truth.
        wish: what is wanted.
        engines: that make it.
        workplace: where a long build keeps what is done, so that a killed one goes on; `discard_workplace` deletes it.
            None for a temporary one.
        reached: told how many pictures have been read, those that are read twice counting half each time.
    Raises:
        BadInput: when the factory string is none, or the memory budget is too small.
        StorageFailed: when the disk is full or fails.
    """
    facts = catalog.facts()
    projection = None
    reading = _Reading(catalog, reached, times=2 if wish.projecting == "auto" else 1)
    if wish.projecting == "auto":
        units = (normalise(as_float32(stored.vectors)) for stored in reading.all_vectors())
        projection = learn(units, count=facts.images)
    dimension = projection.dimension if projection else catalog.dimension
    engine = engine_for(facts.images, wish.engine)
    index: Index
    if engine == EXACT:
        index = _filled(engines.empty(dimension), reading, projection)
    else:
        with _alone(workplace) as kept, given_or_temporary(kept) as place:
            subject = _subject(catalog, facts.last_seq, projection)
            try:
                vectors = spooled(
                    lambda: _as_searched(reading.all_vectors(), projection),
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
    return Held(index=index, projection=projection, tried_with=facts.images, seq=facts.last_seq)


class _Reading:
    """Reads all vectors, several times, and tells how far it has come."""

    def __init__(self, catalog: Catalog, reached: Reached | None, *, times: int) -> None:
        self._catalog = catalog
        self._reached = reached
        self._times = times
        self._read = 0

    def all_vectors(self) -> Iterator[StoredVectors]:
        for stored in self._catalog.all_vectors():
            yield stored
            self._read += len(stored.keys)
            if self._reached is not None:
                self._reached(self._read // self._times)


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
    return _as_searched(catalog.all_vectors(), projection)


def _as_searched(batches: Iterable[StoredVectors], projection: Projection | None) -> Iterator[tuple[Keys, Vectors]]:
    for stored in batches:
        yield stored.keys, normalise(projected(as_float32(stored.vectors), projection))


@contextmanager
def _alone(workplace: Path | None) -> Iterator[Path | None]:
    """The workplace, for one process at a time; None where another is building there, or it cannot be written."""
    if workplace is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            make_private(workplace.parent)
            keep_private(workplace.with_suffix(".lock"))
            descriptor = claimed(workplace.with_suffix(".lock"))
        except OSError:
            descriptor = None
        if descriptor is not None:
            stack.callback(os.close, descriptor)
        yield None if descriptor is None else workplace


def _subject(catalog: Catalog, seq: int, projection: Projection | None) -> str:
    """Names the vectors that are built from: a killed build goes on only with the same ones."""
    learnt = hashlib.sha256()
    if projection is not None:
        learnt.update(projection.mean.tobytes() + projection.components.tobytes())
    return f"{catalog.model_id} {catalog.lineage(seq)} {seq} {learnt.hexdigest()}"


def _filled(index: Index, reading: _Reading, projection: Projection | None) -> Index:
    for stored in reading.all_vectors():
        index.upsert(stored.keys, projected(as_float32(stored.vectors), projection))
    return index
