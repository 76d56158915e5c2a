"""Building an index from the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.index.base import Index
from lookalike.index.choice import EXACT, engine_for
from lookalike.index.exact import ExactIndex
from lookalike.index.projection import Projection, learn
from lookalike.pipelines.held import Held, Wish, as_float32, projected


def build(catalog: Catalog, wish: Wish, *, workplace: Path | None) -> Held:
    """Make an index of all that the catalog holds.

    What is committed meanwhile is in it or not; the change feed from `seq` of the answer on tells.

    Args:
        catalog: the truth.
        wish: what is wanted.
        workplace: where a long build keeps what is done, so that a killed one goes on; None builds in memory.
    Raises:
        BadInput: when the factory string is none, or the memory budget is too small.
        StorageFailed: when the workplace cannot be written.
    """
    facts = catalog.facts()
    projection = None
    if wish.projecting == "auto":
        units = (normalise(as_float32(stored.vectors)) for stored in catalog.all_vectors())
        projection = learn(units, count=facts.images)
    dimension = projection.dimension if projection else catalog.dimension
    engine = engine_for(facts.images, wish.engine)
    index: Index
    if engine == EXACT:
        index = _filled(ExactIndex(dimension), catalog, projection)
    else:
        from lookalike.index.faiss import build_index  # brings in FAISS, which is slow to import

        index = build_index(
            lambda: vectors_of_catalog(catalog, projection),
            count=facts.images,
            dimension=dimension,
            factory=None if wish.engine == "auto" else wish.engine,
            recall=wish.recall,
            memory_bytes=wish.memory_bytes,
            workplace=workplace,
        )
    return Held(index=index, projection=projection, tried_with=facts.images, seq=facts.last_seq)


def vectors_of_catalog(catalog: Catalog, projection: Projection | None) -> Iterator[tuple[Keys, Vectors]]:
    """All vectors as they are searched, in ascending order of key, in batches."""
    for stored in catalog.all_vectors():
        yield stored.keys, normalise(projected(as_float32(stored.vectors), projection))


def _filled(index: ExactIndex, catalog: Catalog, projection: Projection | None) -> ExactIndex:
    for stored in catalog.all_vectors():
        index.upsert(stored.keys, projected(as_float32(stored.vectors), projection))
    return index
