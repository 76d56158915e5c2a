"""The parts of a collection for the doctor."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.collection import wish_of
from lookalike.assembly.index_engines import LocalEngines
from lookalike.assembly.models import model_file, model_name, open_embedder
from lookalike.assembly.places import (
    EARLIER_LEDGER,
    LEDGER,
    MODELS,
    UPLOADS,
    check_not_lost,
    check_there,
)
from lookalike.assembly.service import open_ledger
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import CollectionError, StorageFailed
from lookalike.models.store import MODEL_IDS, default_model_path
from lookalike.settings import Settings, read_settings
from lookalike.settings.served_collections import CATALOG, OBJECTS, SNAPSHOTS, holds_pictures

if TYPE_CHECKING:
    from lookalike.doctor import ModelPlace, Patient
    from lookalike.index.remote import RemoteIndex
    from lookalike.ledger.base import Ledger


@contextmanager
def open_patient(
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    projection: str | None = None,
    engine: str | None = None,
    recall: float | None = None,
    memory: str | int | None = None,
    cache: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Iterator[Patient]:
    """The parts of a collection for the doctor, none of which has to be in order; arguments as in `open_collection`.

    `home` is the folder of the service that serves it; the usual one if None. It need not be there.

    Raises:
        NoCollection: when there is none.
        BadInput: when a setting is not possible.
    """
    from lookalike.catalog.sqlite.lock import writer_lock
    from lookalike.doctor import Patient
    from lookalike.objects.local import LocalObjects
    from lookalike.objects.local_uploads import LocalUploads
    from lookalike.settings.service_reading import read_service_home

    settings = read_settings(
        collection=path, model=model, projection=projection, engine=engine, recall=recall, memory=memory, cache=cache
    )
    folder = settings.collection
    if not holds_pictures(folder):
        check_there(folder)
    parts = _Parts(folder, read_service_home(home), keep_removed_days=settings.keep_removed_days)
    try:
        name = _name_of_model(settings, parts)
        yield Patient(
            folder=folder,
            open_catalog=parts.catalog,
            objects=LocalObjects(folder / OBJECTS),
            uploads=LocalUploads(folder / UPLOADS, secret=lambda: secrets.token_bytes(32)),  # signs nothing
            is_awaited=parts.is_awaited,
            open_embedder=lambda: open_embedder(model_file(name, settings)),
            models=folder / MODELS,
            model=_model_place(name, settings),
            snapshots=None if settings.vectors else folder / SNAPSHOTS,
            open_index=partial(_index_of, settings, parts) if settings.vectors else None,
            engines=LocalEngines(),
            wish=wish_of(settings),
            lock_holder=writer_lock(folder / CATALOG).holder,
        )
    finally:
        parts.close()


def _index_of(settings: Settings, parts: _Parts) -> RemoteIndex:
    from lookalike.assembly.index_elsewhere import open_index

    return open_index(settings.vectors, collection=parts.catalog().identity)


class _Parts:
    """The catalog of a collection and the ledger of its service, each opened when it is first asked for."""

    def __init__(self, folder: Path, service: Path, *, keep_removed_days: int) -> None:
        self.folder = folder
        self._service = service
        self._keep_removed_days = keep_removed_days
        self._catalog: SqliteCatalog | None = None
        self._ledger: Ledger | None = None

    def catalog(self) -> SqliteCatalog:
        if self._catalog is None:
            check_not_lost(self.folder)
            self._catalog = SqliteCatalog.open(
                self.folder / CATALOG, create=False, keep_removed_days=self._keep_removed_days
            )
        return self._catalog

    def is_awaited(self, upload_id: str) -> bool | None:
        from lookalike.ledger.awaited import is_awaited

        if any((self._service / name).is_file() for name in EARLIER_LEDGER) and not (self._service / LEDGER).is_file():
            return True  # the processes of an earlier version may still run: a doctor takes nothing from them
        if self._ledger is None and (self._service / LEDGER).is_file():
            self._ledger = open_ledger(self._service)
        return is_awaited(self._ledger, upload_id) if self._ledger is not None else None

    def close(self) -> None:
        for one in (self._catalog, self._ledger):
            if one is not None:
                one.close()


def _name_of_model(settings: Settings, parts: _Parts) -> str:
    try:
        return model_name(settings, parts.catalog().model_id, parts.folder)
    except (CollectionError, StorageFailed):  # a damaged catalog is a finding of its own
        return model_name(settings, "", None)


def _model_place(name: str, settings: Settings) -> ModelPlace:
    from lookalike.doctor import ModelPlace

    if name in MODEL_IDS:
        return ModelPlace(default_model_path(name, cache_dir=settings.cache), MODEL_IDS[name])
    return ModelPlace(Path(os.path.expanduser(name)), None)
