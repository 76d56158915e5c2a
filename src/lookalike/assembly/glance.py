"""What a collection's catalog alone says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lookalike.assembly.places import check_not_lost
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.settings.served_collections import CATALOG


@dataclass(frozen=True, slots=True)
class CollectionGlance:
    """What the catalog alone says of a collection.

    Attributes:
        images: pictures.
        model_id: of its own model; '' where nothing was indexed yet.
        dimension: of the raw vectors.
        further_models: names of models of which vectors are kept beside its own, with the ids of these.
        fields: what a filter may ask for, as in `CollectionInfo`.
        identity: as of `Collection`.
    """

    images: int
    model_id: str
    dimension: int
    further_models: dict[str, str]
    fields: tuple[str, ...]
    identity: str


def glance_at_collection(folder: Path) -> CollectionGlance:
    """Look into a collection's catalog, without opening its index or a model. Takes about a millisecond.

    Raises:
        NoCollection: when there is none.
        FormatTooNew, CatalogDamaged, CollectionError, StorageFailed: when its catalog cannot be read as it is.
    """
    from lookalike.catalog.known_fields import askable_fields

    check_not_lost(folder)
    with SqliteCatalog.open(folder / CATALOG, read_only=True) as catalog:
        further = {model.name: model.model_id for model in catalog.further_models()}
        return CollectionGlance(
            images=catalog.facts().images,
            model_id=catalog.model_id,
            dimension=catalog.dimension,
            further_models=further,
            fields=tuple(askable_fields(catalog)),
            identity=catalog.identity(),
        )
