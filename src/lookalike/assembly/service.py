"""A service's own files: its ledger with its jobs, and all that it keeps, for a backup."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.catalogs import served_catalogs
from lookalike.assembly.places import (
    COLLECTIONS,
    EARLIER_LEDGER,
    KEYS,
    LEDGER,
    MODELS,
    SIGNING_KEY,
    UPLOADS,
    check_not_lost,
)
from lookalike.settings.served_collections import CATALOG, OBJECTS, SUFFIX

if TYPE_CHECKING:
    from lookalike.backup import CollectionPlace, Place
    from lookalike.dispatch.base import Dispatch
    from lookalike.ledger.base import Ledger
    from lookalike.objects.uploads import DirectUploads
    from lookalike.settings.service import ServiceSettings

MOST_ATTEMPTS = 10
"""How often a job is tried, over about an hour, before it is given up; what could not be tried does not count."""


def open_ledger(home: Path, *, starts_anyway: bool = False) -> Ledger:
    """The ledger of the service whose folder that is, with its jobs; made where there is none.

    What earlier versions have left there becomes that of now; their processes can do nothing with it any more.

    Args:
        home: that folder.
        starts_anyway: a disk that is full or cannot be written is told at each use, and not here.
    Raises:
        FormatTooNew, StorageFailed, ReadOnly, Locked: when it cannot be used.
    """
    from lookalike.ledger.sqlite import SqliteLedger

    return SqliteLedger(home / LEDGER, max_attempts=MOST_ATTEMPTS, starts_anyway=starts_anyway)


def ledger_of(settings: ServiceSettings, *, starts_anyway: bool = False) -> Ledger:
    """The ledger of a service, where its settings say: in the database, or a file in its home.

    Args:
        settings: what was set.
        starts_anyway: a disk or a database that cannot be used now is told at each use, and not here.
    Raises:
        FormatTooNew, StorageFailed, ReadOnly, Locked, ServiceDown: when it cannot be used.
    """
    if not settings.database:
        return open_ledger(settings.home, starts_anyway=starts_anyway)
    from lookalike.ledger.postgres import open_postgres_ledger

    return open_postgres_ledger(settings.database, max_attempts=MOST_ATTEMPTS, starts_anyway=starts_anyway)


def dispatch_of(settings: ServiceSettings) -> Dispatch:
    """What wakes the workers of a service: a broker or a database, where one is set, else the clock."""
    if settings.broker:
        from lookalike.dispatch.rabbitmq import RabbitDispatch

        return RabbitDispatch(settings.broker)
    if settings.database:
        from lookalike.dispatch.postgres import PostgresDispatch

        return PostgresDispatch(settings.database)
    from lookalike.dispatch.polling import PollingDispatch

    return PollingDispatch()


def has_ledger(settings: ServiceSettings) -> bool:
    """Whether the service has a ledger, of this version or of an earlier one; in a database it always has."""
    home = settings.home
    if settings.database:
        return True
    return (home / LEDGER).is_file() or all((home / name).is_file() for name in EARLIER_LEDGER)


def open_uploads(folder: Path, *, secret: Callable[[], bytes], url_prefix: str) -> DirectUploads:
    """Where uploads into a collection wait. Cheap, and makes nothing by itself.

    Args:
        folder: the collection's own.
        secret: gives what signs the URLs, at least 32 bytes; asked for whenever that is needed.
        url_prefix: what stands before the upload's id in URLs.
    """
    from lookalike.objects.local_uploads import LocalUploads

    return LocalUploads(folder / UPLOADS, secret=secret, url_prefix=url_prefix)


def service_place(settings: ServiceSettings) -> Place:
    """All that a service keeps, for a backup: its collections, its own files, the keys."""
    from lookalike.backup import Place
    from lookalike.catalog.sqlite.copying import CatalogCopy
    from lookalike.objects.local import LocalObjects

    home = settings.home
    folders = {f"{name}{SUFFIX}": folder for name, folder in settings.collections.items()}
    catalogs = served_catalogs(home)
    folders |= {f"{COLLECTIONS}/{name}": catalogs.folder_of(name) for name in catalogs.names()}
    ledger = (LEDGER,) if (home / LEDGER).is_file() else EARLIER_LEDGER
    files = {SIGNING_KEY: home / SIGNING_KEY}
    if settings.keys_file is not None:
        files[KEYS] = settings.keys_file
    return Place(
        collections=tuple(_collection_place(name, folder) for name, folder in folders.items()),
        databases={name: home / name for name in ledger if (home / name).is_file()},
        files=files,
        open_objects=LocalObjects,
        open_copy=CatalogCopy,
    )


def _collection_place(name: str, folder: Path) -> CollectionPlace:
    from lookalike.backup import CollectionPlace
    from lookalike.catalog.sqlite.copying import CatalogFile
    from lookalike.objects.local import LocalObjects
    from lookalike.objects.local_uploads import QUARANTINE, STAGED

    staged, quarantine = f"{UPLOADS}/{STAGED}", f"{UPLOADS}/{QUARANTINE}"
    return CollectionPlace(
        name=name,
        catalog_name=CATALOG,
        catalog=CatalogFile(folder / CATALOG),
        check_not_lost=partial(check_not_lost, folder),
        objects_name=OBJECTS,
        objects=LocalObjects(folder / OBJECTS),
        waiting={staged: folder / staged},
        beside={MODELS: folder / MODELS, quarantine: folder / quarantine},
    )
