"""What a backup is made of: where collections, and the service's own files, lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lookalike.core.records import Cursor
from lookalike.objects.base import Objects


class CopiedCatalog(Protocol):
    """The copy of a catalog. Its methods raise CatalogDamaged when it cannot be read."""

    def ids_changed_after(self, cursor: Cursor) -> list[str]:
        """The pictures that are there and were put in or changed after a place in the feed of the catalog."""
        ...

    def without(self, image_ids: Iterator[str]) -> list[str]:
        """Those that are no pictures that are there."""
        ...

    def images(self) -> int:
        """How many pictures are there."""
        ...

    def damage(self) -> list[str]:
        """What is wrong, one line each; empty where nothing is. Raises nothing."""
        ...


class StoredCatalog(Protocol):
    """A catalog that others may be using.

    Its methods raise CatalogDamaged, FormatTooNew, Locked, NoCollection or StorageFailed.
    """

    def exists(self) -> bool:
        """Whether it is there. Raises nothing."""
        ...

    def cursor(self) -> Cursor:
        """The place after the last change; see `lookalike.catalog.base.Catalog`."""
        ...

    def copied(self, target: Path) -> AbstractContextManager[CopiedCatalog]:
        """Copy it into a new file. Nothing is committed until the block ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPlace:
    """A collection.

    Attributes:
        name: its folder in a backup, below which all that follows lies under the names that it has here.
        catalog_name: of the catalog's file.
        catalog: the truth.
        check_not_lost: raises CatalogDamaged when the catalog is empty or gone, but what belongs to it is there.
        objects_name: of the folder of objects.
        objects: bytes of pictures.
        waiting: folders whose files go into the catalog and are deleted then.
        beside: folders whose files the catalog tells of, or that were taken out of it.
    """

    name: str
    catalog_name: str
    catalog: StoredCatalog
    check_not_lost: Callable[[], None]
    objects_name: str
    objects: Objects
    waiting: Mapping[str, Path]
    beside: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """All of it.

    Attributes:
        collections: each with its own folder.
        databases: SQLite files by their names in a backup, which tell of one another and of all collections.
        files: small files, likewise, each replaced in one step when it changes.
        open_objects: opens an empty folder as a store of objects.
        open_copy: opens the copy of a catalog.
    """

    collections: tuple[CollectionPlace, ...]
    databases: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    open_objects: Callable[[Path], Objects]
    open_copy: Callable[[Path], CopiedCatalog]
