"""Embedding what lacks a vector of a further model: pictures that the collection holds get vectors beside its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import STOPPED, ImageRefused, Interrupted, WrongModel
from lookalike.core.vectors import Pixels
from lookalike.embedding.base import Embedder
from lookalike.embedding.files import take_in_order
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.images.limits import ImageLimits
from lookalike.images.refusals import RefusalCode
from lookalike.ingest.ingest_report import Failure
from lookalike.parts.parts import Parts

Pictures: TypeAlias = Callable[[str], bytes | None]
"""Brings the bytes of a picture by its id; None where no file holds it any more. Safe to call from many threads."""

_KEYS_AT_ONCE = 2_000
_COMMIT_AFTER = 200
_COMMIT_AFTER_S = 5.0
_GONE = "no file holds this picture any more; put it back, or index its folder again with --prune"


@dataclass(slots=True)
class FurtherReport:
    """What `embed_further` has done; counts grow while it runs.

    Attributes:
        name: of the further model.
        embedded: pictures that have a vector now.
        failed: pictures that could not be used; `path` is a file of theirs, or their id where they have none.
        total: pictures that lacked a vector at the beginning.
        seconds: since the beginning.
    """

    name: str
    embedded: int = 0
    failed: list[Failure] = field(default_factory=list)
    total: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Pictures looked at."""
        return self.embedded + len(self.failed)


@dataclass(frozen=True, slots=True, eq=False)
class PictureVector:
    """What became of one picture.

    Attributes:
        image_id: the picture.
        vector: shape (D,), float16; None where it could not be used.
        refusal: why not.
    """

    image_id: str
    vector: NDArray[np.float16] | None
    refusal: ImageRefused | None = None


def embed_further(
    parts: Parts,
    name: str,
    embedder: Embedder,
    *,
    pictures: Pictures,
    threads: int,
    progress: Callable[[FurtherReport], None] | None = None,
) -> FurtherReport:
    """Compute the vectors that pictures lack of a further model, which is added where it is not there yet.

    Committed every few seconds, so a run that was cut off goes on where it was. A picture that cannot be used never
    stops the run; it is tried again by the next one.

    Args:
        parts: the collection.
        name: under which the vectors are kept.
        embedder: of the further model.
        pictures: brings their bytes.
        threads: that read, decode and embed at once.
        progress: called on the calling thread after each commit, and at least once.
    Raises:
        Interrupted: at Ctrl-C, after what was complete has been committed.
        WrongModel, BadInput: as `Catalog.add_further_model`.
        Locked, ReadOnly, StorageFailed: when the catalog cannot be written; what was committed stays.
    """
    try:
        return _embed_further(parts, name, embedder, pictures, threads, progress)
    except KeyboardInterrupt as error:
        raise Interrupted(STOPPED) from error


def vectors_of_pictures(
    image_ids: Sequence[str], embedder: Embedder, *, pictures: Pictures, limits: ImageLimits
) -> list[PictureVector]:
    """Read, decode and embed some pictures, in order. Safe to call from many threads."""
    seeing = PictureEmbedder(embedder, limits=limits)
    decoded = [_decode(image_id, seeing, pictures=pictures) for image_id in image_ids]
    vectors = iter(seeing.embed_to_keep([one for one in decoded if not isinstance(one, ImageRefused)]))
    return [
        PictureVector(image_id, None, one) if isinstance(one, ImageRefused) else PictureVector(image_id, next(vectors))
        for image_id, one in zip(image_ids, decoded, strict=True)
    ]


def _decode(image_id: str, seeing: PictureEmbedder, *, pictures: Pictures) -> Pixels | ImageRefused:
    data = pictures(image_id)
    if data is None:
        return ImageRefused(_GONE, code=RefusalCode.VANISHED)
    try:
        return seeing.decode(data).pixels
    except ImageRefused as error:
        return ImageRefused(
            str(error), code=error.code, values=error.values
        )  # without a traceback, which would keep the bytes


def _embed_further(
    parts: Parts,
    name: str,
    embedder: Embedder,
    pictures: Pictures,
    threads: int,
    progress: Callable[[FurtherReport], None] | None,
) -> FurtherReport:
    catalog, started = parts.catalog, time.monotonic()
    report = FurtherReport(name)
    card = embedder.card
    catalog.add_further_model(name, card.id, card.dimension)
    (model,) = (one for one in catalog.further_models() if one.name == name)
    report.total = catalog.facts().images - model.count
    take = partial(vectors_of_pictures, embedder=embedder, pictures=pictures, limits=parts.limits)

    def tell() -> None:
        report.seconds = time.monotonic() - started
        if progress is not None:
            progress(report)

    def keep(computed: Sequence[PictureVector]) -> None:
        patiently(lambda: keep_vectors(catalog, name, card.id, computed))

    tell()
    with closing(take_in_order(_find_lacking(catalog, name), take, threads=threads)) as results:
        _write(results, catalog, report, keep, tell)
    return report


def _find_lacking(catalog: Catalog, name: str) -> Iterator[str]:
    last = 0
    while len(keys := catalog.keys_without_vector(name, _KEYS_AT_ONCE, after=last)):
        last = int(keys[-1])
        yield from catalog.ids(keys.tolist()).values()


def _write(
    results: Iterable[PictureVector],
    catalog: Catalog,
    report: FurtherReport,
    keep: Callable[[Sequence[PictureVector]], None],
    tell: Callable[[], None],
) -> None:
    pending: list[PictureVector] = []

    def commit() -> None:
        keep([one for one in pending if one.vector is not None])
        _count(pending, catalog, report)
        pending.clear()
        tell()

    due = time.monotonic() + _COMMIT_AFTER_S
    try:
        for result in results:
            pending.append(result)
            if len(pending) >= _COMMIT_AFTER or time.monotonic() > due:
                commit()
                due = time.monotonic() + _COMMIT_AFTER_S
    except KeyboardInterrupt:
        commit()
        raise
    commit()


def keep_vectors(catalog: Catalog, name: str, model_id: str, computed: Sequence[PictureVector]) -> None:
    """Commit vectors of a further model; those of pictures that have been removed meanwhile are dropped.

    Raises:
        BadInput: when there is no further model of that name (any more).
        WrongModel: when another model bears its name now.
    """
    vectors = {one.image_id: one.vector for one in computed if one.vector is not None}
    if not vectors:
        return

    def put(transaction: Transaction) -> None:
        there = {one.name: one.model_id for one in transaction.further_models()}
        if there.get(name, model_id) != model_id:
            raise WrongModel(
                f"expected the model {model_id[:12]} under the name {name!r}, but that is {there[name][:12]} "
                "now: add it under a name that is free, or drop that one first"
            )
        put_vectors(transaction, name, vectors)

    in_transaction(catalog, put)


def put_vectors(transaction: Transaction, name: str, vectors: Mapping[str, NDArray[np.float16]]) -> None:
    """Put vectors of a further model, by the ids of their pictures; unknown ids are passed over.

    Args:
        transaction: that is under way.
        name: of the further model.
        vectors: by id, shape (D,), float16 each.
    """
    keys = transaction.keys(list(vectors))
    if keys:
        rows = np.stack([vectors[image_id] for image_id in keys])
        transaction.put_model_vectors(name, list(keys.values()), rows)


def _count(pending: Sequence[PictureVector], catalog: Catalog, report: FurtherReport) -> None:
    refused = {one.image_id: one.refusal for one in pending if one.refusal is not None}
    report.embedded += len(pending) - len(refused)
    files = catalog.files_of(list(refused))
    for image_id, refusal in refused.items():
        path = files[image_id][0].path if files.get(image_id) else image_id
        report.failed.append(Failure(path, str(refusal), refusal.code))
