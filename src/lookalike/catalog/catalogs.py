"""The promise of a place that has catalogs by name: which there are, what each says, making and dropping them.

Whoever serves several collections asks here what there is, how much, and since when; not a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lookalike.catalog.base import Catalog
from lookalike.catalog.known_fields import askable_fields


@dataclass(frozen=True, slots=True)
class CatalogOverview:
    """What a catalog says of its collection as a whole.

    Attributes:
        images: pictures.
        model_id: of its own model; '' where nothing was indexed yet.
        dimension: of the raw vectors.
        further_models: names of models of which vectors are kept beside its own, with the ids of these.
        fields: what a filter may ask for, as in `CollectionInfo`.
        identity: as of `Catalog`.
    """

    images: int
    model_id: str
    dimension: int
    further_models: dict[str, str]
    fields: tuple[str, ...]
    identity: str


class Catalogs(Protocol):
    """The catalogs of one place. Safe to use from many threads and processes.

    A name is a word of lower-case letters, digits, `.`, `_` and `-`, as the service takes it.
    """

    def names(self) -> list[str]:
        """All of them, sorted; also those that cannot be read, and those that were lost, see `exists`. Opens none.

        Raises:
            ReadOnly, StorageFailed: when that cannot be told.
        """
        ...

    def exists(self, name: str) -> bool:
        """Whether there is one of that name. Opens nothing.

        Raises:
            CatalogDamaged: when it was lost: what belongs to it is there without it.
            ReadOnly, StorageFailed: when that cannot be told.
        """
        ...

    def is_gone(self, name: str) -> bool:
        """Whether nothing is left of it for certain; False where it cannot be told, as while a drive is away."""
        ...

    def open(self, name: str, *, read_only: bool = False) -> Catalog:
        """Open one, which the caller closes.

        Raises:
            NoCollection: when there is none.
            CatalogDamaged, FormatTooNew: when it cannot be read.
            CollectionError: when `read_only`, and an earlier version wrote it: opened to write, it is brought up to
                date.
            ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`.
        """
        ...

    def create(self, name: str) -> bool:
        """Make one, bound to no model; False where there is one.

        Raises:
            CatalogDamaged: as in `exists`.
            ReadOnly, Locked, StorageFailed: when it cannot be made.
        """
        ...

    def drop(self, name: str) -> None:
        """Remove one, in one step, with all that its engine keeps beside it; whoever writes to it ends first.

        Who has it open is told `NoCollection` or `CollectionReplaced` from then on.

        Raises:
            NoCollection: when there is none, and nothing that belongs to it.
            Locked: when another process writes to it for long.
            ReadOnly, StorageFailed: when it cannot be removed.
        """
        ...

    def overview(self, name: str) -> CatalogOverview:
        """What a catalog says of its collection. Takes about a millisecond. Raises as `open` to read only."""
        ...

    def stamp(self, name: str) -> str:
        """A word that is another one after whatever changes the overview; '' where none can be relied on. At once."""
        ...


def overview_of(catalog: Catalog) -> CatalogOverview:
    """What an open catalog says of its collection."""
    return CatalogOverview(
        images=catalog.facts().images,
        model_id=catalog.model_id,
        dimension=catalog.dimension,
        further_models={model.name: model.model_id for model in catalog.further_models()},
        fields=tuple(askable_fields(catalog)),
        identity=catalog.identity(),
    )
