"""A service's own files: its queue, its ledger, and all that it keeps, for a backup."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.places import COLLECTIONS, KEYS, LEDGER, MODELS, QUEUE, SIGNING_KEY, UPLOADS, check_not_lost
from lookalike.settings.served_collections import CATALOG, OBJECTS, SUFFIX, is_collection

if TYPE_CHECKING:
    from lookalike.backup import CollectionPlace, Place
    from lookalike.ledger.base import Ledger
    from lookalike.objects.direct.receiving import ReceivingUploads
    from lookalike.queue.base import Queue
    from lookalike.settings.service import ServiceSettings

MOST_ATTEMPTS = 10
"""How often a job is tried, over about an hour, before it is given up; what could not be tried does not count."""


def open_queue(home: Path, *, starts_anyway: bool = False) -> Queue:
    """The queue of the service whose folder that is; made where there is none.

    Args:
        home: that folder.
        starts_anyway: a disk that is full or cannot be written is told at each use, and not here.
    Raises:
        FormatTooNew, StorageFailed, ReadOnly, Locked: when it cannot be used.
    """
    from lookalike.queue.sqlite import SqliteQueue

    return SqliteQueue(home / QUEUE, max_attempts=MOST_ATTEMPTS, starts_anyway=starts_anyway)


def open_ledger(home: Path, *, starts_anyway: bool = False) -> Ledger:
    """The ledger of the service whose folder that is; arguments and errors as of `open_queue`."""
    from lookalike.ledger.sqlite import SqliteLedger

    return SqliteLedger(home / LEDGER, starts_anyway=starts_anyway)


def open_uploads(folder: Path, *, secret: Callable[[], bytes], url_prefix: str) -> ReceivingUploads:
    """Where uploads into a collection wait. Cheap, and makes nothing by itself.

    Args:
        folder: the collection's own.
        secret: gives what signs the URLs, at least 32 bytes; asked for whenever that is needed.
        url_prefix: what stands before the upload's id in URLs.
    """
    from lookalike.objects.direct.local import LocalUploads

    return LocalUploads(folder / UPLOADS, secret=secret, url_prefix=url_prefix)


def service_place(settings: ServiceSettings) -> Place:
    """All that a service keeps, for a backup: its collections, its own files, the keys."""
    from lookalike.backup import Place
    from lookalike.catalog.sqlite.copying import CatalogCopy
    from lookalike.objects.local import LocalObjects

    home = settings.home
    folders = {f"{name}{SUFFIX}": folder for name, folder in settings.collections.items()}
    for folder in sorted((home / COLLECTIONS).glob("*")):
        if is_collection(folder) and not folder.name.startswith("."):  # which one that is being removed does
            folders[f"{COLLECTIONS}/{folder.name}"] = folder
    files = {SIGNING_KEY: home / SIGNING_KEY}
    if settings.keys_file is not None:
        files[KEYS] = settings.keys_file
    return Place(
        collections=tuple(_collection_place(name, folder) for name, folder in folders.items()),
        databases={name: home / name for name in (LEDGER, QUEUE) if (home / name).is_file()},
        files=files,
        open_objects=LocalObjects,
        open_copy=CatalogCopy,
    )


def _collection_place(name: str, folder: Path) -> CollectionPlace:
    from lookalike.backup import CollectionPlace
    from lookalike.catalog.sqlite.copying import CatalogFile
    from lookalike.objects.direct.local import QUARANTINE, STAGED
    from lookalike.objects.local import LocalObjects

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
