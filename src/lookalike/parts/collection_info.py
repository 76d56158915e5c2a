"""Figures about a collection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog.base import FurtherModel
from lookalike.catalog.dateless import without_date
from lookalike.catalog.known_fields import askable_fields
from lookalike.models.kept import kept_models
from lookalike.parts.parts import Parts
from lookalike.storage.cache import CacheFacts
from lookalike.view.facts import IndexFacts
from lookalike.view.keeper import SavingTrouble


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """Figures about a collection.

    Attributes:
        path: its folder; None in memory.
        images: pictures.
        files: files that hold them.
        refused: files that were refused and are remembered.
        forgotten: removed pictures of which metadata is kept.
        without_date: pictures of which nothing tells when they were taken.
        size_bytes: of the catalog on disk.
        catalog: engine of the catalog.
        model: id of the model; `''` where nothing was indexed yet.
        dimension: of the raw vectors.
        index: the index.
        answers: the cache of answers.
        further_models: models of which vectors are kept beside the collection's own.
        kept_models: sizes in bytes of the model files that are kept with it, by the ids of the models.
        fields: what a filter may ask for: built-in fields, then those of the metadata, 1,000 of them at most.
        rebuilt_because: why the index had to be made anew at opening; None where it had not.
        not_saved: why the index cannot be saved, and since when; None while it can, or nothing is known of that.
    """

    path: Path | None
    images: int
    files: int
    refused: int
    forgotten: int
    without_date: int
    size_bytes: int
    catalog: str
    model: str
    dimension: int
    index: IndexFacts
    answers: CacheFacts
    further_models: tuple[FurtherModel, ...]
    kept_models: dict[str, int]
    fields: tuple[str, ...]
    rebuilt_because: str | None
    not_saved: SavingTrouble | None


def info_of(parts: Parts, *, not_saved: SavingTrouble | None = None) -> CollectionInfo:
    """Count what is there; what its keeper says of saving is given."""
    facts = parts.catalog.facts()
    return CollectionInfo(
        path=parts.folder,
        images=facts.images,
        files=facts.files,
        refused=facts.refused,
        forgotten=facts.forgotten,
        without_date=without_date(parts.catalog),
        size_bytes=facts.size_bytes,
        catalog=facts.engine,
        model=parts.catalog.model_id,
        dimension=parts.catalog.dimension,
        index=parts.view.facts(),
        answers=parts.answers.facts(),
        further_models=tuple(parts.catalog.further_models()),
        kept_models=_read_kept_models(parts),
        fields=tuple(askable_fields(parts.catalog)),
        rebuilt_because=parts.view.rebuilt_because,
        not_saved=not_saved,
    )


def _read_kept_models(parts: Parts) -> dict[str, int]:
    folder = parts.models.folder
    return {one.model_id: one.size_bytes for one in kept_models(folder)} if folder is not None else {}
