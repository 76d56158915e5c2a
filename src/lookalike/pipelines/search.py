"""Search: from a query to ranked pictures, with an account of how they were found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lookalike.core.errors import BadQuery, LookalikeError, NotIndexed
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord, Neighbours
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.pipelines.parts import Parts
from lookalike.pipelines.pictures import pixels_of_picture
from lookalike.pipelines.query import Crop, SourceKind, Term, combine
from lookalike.pipelines.reply import Hit, Reply

_ATTEMPTS = 5

Fetch = Callable[[str], bytes]
"""Brings the bytes of a URL, or of standard input for `-`."""


class Timings:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.by_stage: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.by_stage[name] = self.by_stage.get(name, 0.0) + (time.perf_counter() - begun) * 1000

    def finished(self) -> dict[str, float]:
        """All stages and `total`."""
        total = (time.perf_counter() - self.started) * 1000
        return {name: round(ms, 3) for name, ms in {**self.by_stage, "total": total}.items()}


def query_vector(terms: Sequence[Term], parts: Parts, *, fetch: Fetch, crop: Crop | None) -> Vectors:
    """The raw vector of a query of several pictures, or of indexed ones.

    Args:
        terms: the pictures.
        parts: the collection.
        fetch: brings what is neither a file nor indexed.
        crop: refused, for it is not clear what it would be a part of.
    Returns:
        shape (1, D), float32, of length 1.
    Raises:
        BadQuery: when a crop does not fit, or the terms cancel each other out.
        NotIndexed: when an id is not in the collection, or several begin so.
        ImageRefused: when a picture cannot be used.
        FetchRefused: when a URL is not fetched.
    """
    if crop is not None:
        raise BadQuery("a crop needs a query of one picture whose pixels are at hand: a file, a URL or standard input")
    vectors = np.concatenate([_vector_of(term, parts, fetch=fetch) for term in terms])
    return combine(vectors, [term.weight for term in terms])


def search(vector: Vectors, parts: Parts, *, k: int, where: Filter, timings: Timings) -> Reply:
    """Find the k pictures nearest to a raw vector.

    Args:
        vector: shape (1, D), float32.
        parts: the collection.
        k: at least 1.
        where: what a picture must be.
        timings: goes on counting.
    Returns:
        exactly k hits if k pictures pass the filter, else all that do.
    Raises:
        BadQuery: when k is less than 1.
    """
    if k < 1:
        raise BadQuery(f"expected k of at least 1, got {k}")
    for _ in range(_ATTEMPTS):
        with timings.stage("refresh"):
            parts.view.refresh()
            facts = parts.view.facts()
        with timings.stage("filter"):
            allowed = parts.catalog.select(where) if where else None
        total = facts.count if allowed is None else len(allowed)
        with timings.stage("search"):
            found = parts.view.search(vector, min(k, max(total, 1)), allowed=allowed)
        with timings.stage("fetch"):
            hits = _hits(found, parts, where)
        if len(hits) == min(k, total):
            return Reply(
                hits=tuple(hits),
                plan="exact" if allowed is None else f"exact over the {total} pictures that pass the filter",
                exact=found.exact,
                scanned=found.scanned,
                total_matching=total,
                timings_ms=timings.finished(),
                model=parts.catalog.model_id,
                index=facts,
            )
    raise LookalikeError(f"the collection changed {_ATTEMPTS} times while it was being searched; search again")


def _vector_of(term: Term, parts: Parts, *, fetch: Fetch) -> Vectors:
    if term.kind is SourceKind.ID:
        return _stored_vector(term.text, parts)
    picture = term.text if term.kind is SourceKind.FILE else fetch(term.text)
    pixels = pixels_of_picture(picture, min_side=parts.embedder.card.input_side, limits=parts.limits)
    return parts.embedder.embed([pixels])


def _stored_vector(text: str, parts: Parts) -> Vectors:
    matches = parts.catalog.find_ids(text)
    if not matches:
        raise NotIndexed(f"no picture in the collection has an id that begins with {text}")
    if len(matches) > 1:
        raise NotIndexed(f"several pictures have ids that begin with {text}, for example {matches[0]} and {matches[1]}")
    keys = parts.catalog.keys(matches)
    stored = parts.catalog.vectors(list(keys.values()))
    if not len(stored.keys):
        raise NotIndexed(f"the picture {matches[0]} has just been removed")
    return normalise(stored.vectors.astype(np.float32))


def _hits(found: Neighbours, parts: Parts, where: Filter) -> list[Hit]:
    """The pictures found that are still there."""
    keys: Keys = found.keys[0][found.keys[0] >= 0]
    ids = parts.catalog.ids(keys.tolist())
    images = parts.catalog.images(list(ids.values()))
    files = parts.catalog.files_of(list(images))
    fitting = parts.catalog.matching_paths(where, list(images)) if where else {}
    there = [
        (images[ids[key]], float(similarity))
        for key, similarity in zip(keys.tolist(), found.similarities[0], strict=False)
        if ids.get(key) in images
    ]
    return [
        _hit(image, files.get(image.id, []), rank=rank, similarity=similarity, path=fitting.get(image.id))
        for rank, (image, similarity) in enumerate(there, 1)
    ]


def _hit(image: ImageRecord, files: list[FileRecord], *, rank: int, similarity: float, path: str | None) -> Hit:
    return Hit(
        id=image.id,
        rank=rank,
        similarity=similarity,
        path=path or (files[0].path if files else None),
        copies=max(0, len(files) - 1),
        metadata=image.metadata,
        width=image.width,
        height=image.height,
        format=image.format,
        size_bytes=image.size_bytes,
        taken_at=image.taken_at,
        camera=image.camera,
    )
