"""A service whose collections are kept by servers: a database, an object store, and perhaps a vector database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from lookalike.assembly.collection import wire_collection
from lookalike.assembly.feeds import Feeds
from lookalike.assembly.index_elsewhere import open_index
from lookalike.core.errors import BadInput, NoCollection, WrongModel
from lookalike.settings import read_settings
from lookalike.storage.private import make_private

if TYPE_CHECKING:
    from lookalike.assembly.backing import OwnUploads
    from lookalike.catalog.base import Catalog
    from lookalike.catalog.catalogs import Catalogs
    from lookalike.catalog.postgres import PostgresCatalog
    from lookalike.collection import Collection
    from lookalike.objects.base import Objects
    from lookalike.objects.s3_bucket import S3Bucket
    from lookalike.objects.uploads import DirectUploads
    from lookalike.settings.service import ServiceSettings

LOCAL = "local"
"""Folder in the home of a service for what its machine keeps of each collection, by the catalog's number: snapshots of
indexes and copies of model files, which can all be made again."""


class ServerBacking:
    """Catalogs in a database, bytes of pictures in an object store; vectors in their own database, where one is set.

    Args:
        settings: of the service; `database` and `objects` are set.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        from lookalike.catalog.postgres import open_postgres_catalogs
        from lookalike.objects.s3_removals import S3Removals

        self._settings = settings
        self._bucket = bucket_of(settings)
        self._removals = S3Removals(self._bucket)
        self._vectors = open_index(settings.vectors, collection=lambda: "") if settings.vectors else None
        self._catalogs = open_postgres_catalogs(settings.database, keep_removed_days=read_settings().keep_removed_days)

    @property
    def catalogs(self) -> Catalogs:
        """See `Backing`."""
        return self._catalogs

    def is_ours(self, _name: str, /) -> bool:
        """See `Backing`: all are."""
        return True

    def open(self, name: str, *, create: bool) -> Collection:
        """See `Backing`."""
        if create:
            self._catalogs.create(name)
        catalog = self._catalogs.open(name)
        try:
            return self._wire(catalog, create=create)
        except BaseException:
            catalog.close()
            raise

    def uploads(self, name: str, own: OwnUploads) -> DirectUploads:
        """See `Backing`: the object store signs for itself."""
        from lookalike.objects.s3_uploads import S3Uploads

        identity = own.identity()
        if not identity:
            raise NoCollection(f"expected a collection {name!r} that can be read, found none: make it first")
        return S3Uploads(self._bucket.under(identity), public_endpoint=self._settings.objects_public_endpoint)

    def drop(self, name: str) -> None:
        """See `Backing`: noted first, so that its bytes and its vectors go, too, whoever dies meanwhile."""
        identity = self._catalogs.overview(name).identity
        if identity:
            self._removals.note(identity)
        self._catalogs.drop(name)

    def sweep(self, *, before: float) -> None:
        """See `Backing`: bytes, vectors, and what this machine keeps. Late writers are swept behind for a while."""
        found = list(self._removals.list_noted())  # before it is asked which are there: a new one is among those then
        there = {self._catalogs.overview(name).identity for name in self._catalogs.names()} if found else set()
        for noted in found:
            if noted.name not in there:  # else the removal came to nothing
                self._removals.delete_bytes(noted.name)
                self._forget_vectors(noted.name)
            if noted.modified_at < before:
                self._removals.forget([noted.name])
        numbers = {str(number) for number in self._catalogs.numbers()}
        for folder in (self._settings.home / LOCAL).glob("*"):
            if folder.name not in numbers and folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)

    def checks(self) -> Mapping[str, Callable[[], object]]:
        """See `Backing`."""
        from lookalike.objects.s3_check import check_answers

        checks: dict[str, Callable[[], object]] = {"objects": partial(check_answers, self._bucket)}
        if self._vectors is not None:
            checks["vectors"] = self._vectors.serving
        return checks

    def close(self) -> None:
        """See `Backing`."""
        self._catalogs.close()
        if self._vectors is not None:
            self._vectors.let_go()

    def _wire(self, catalog: PostgresCatalog, *, create: bool) -> Collection:
        """With its own model, whatever this machine's settings name, which is for new ones."""
        folder = self._settings.home / LOCAL / str(catalog.number)
        make_private(folder)
        read = partial(read_settings, collection=folder, vectors=self._settings.vectors)
        wire = partial(
            wire_collection, catalog=catalog, folder=folder, objects_of=self._objects_of, feeds=Feeds.WHEN_ASKED
        )
        if not create:
            with suppress(WrongModel):
                return wire(read(model="auto"))
        return wire(read())

    def _forget_vectors(self, identity: str) -> None:
        if self._settings.vectors:
            index = open_index(self._settings.vectors, collection=lambda: identity)
            index.forget()
            index.let_go()

    def _objects_of(self, catalog: Catalog) -> Objects:
        from lookalike.objects.s3 import S3Objects

        return S3Objects(self._bucket.under(catalog.identity()))


def bucket_of(settings: ServiceSettings) -> S3Bucket:
    """The bucket that settings name, asked with the key of the environment.

    Raises:
        BadInput: when no key is there.
        MissingExtra: when what speaks to it is not installed.
    """
    from lookalike.objects.s3_bucket import S3Bucket

    keys = {name: os.environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    lacking = [name for name, value in keys.items() if not value]
    if lacking:
        raise BadInput(
            f"expected the key of {settings.objects} in two variables, but {' and '.join(lacking)} is not set; "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    name, _, prefix = settings.objects.removeprefix("s3://").partition("/")
    return S3Bucket(
        endpoint=settings.objects_endpoint or f"https://s3.{settings.objects_region}.amazonaws.com",
        name=name,
        access_key=keys["AWS_ACCESS_KEY_ID"],
        secret_key=keys["AWS_SECRET_ACCESS_KEY"],
        prefix=prefix.strip("/"),
        region=settings.objects_region,
    )
