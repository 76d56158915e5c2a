"""The service's tests over the servers of a chain: `LOOKALIKE_TEST_SERVERS=1 make test PYTEST=tests/unit/service`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple
from urllib.parse import urlsplit

from chain.buckets import client_of, make_bucket
from chain.s3_server import S3Server
from lookalike.assembly.feeds import Feeds
from lookalike.assembly.index_elsewhere import view_elsewhere
from lookalike.assembly.servers import ServerBacking, bucket_of
from lookalike.catalog.postgres import PostgresCatalog
from lookalike.collection import Collection
from lookalike.settings.service import ServiceSettings
from tests.collections import lasting_folder, new_parts, png
from tests.servers.postgres import the_postgres_server

BUCKET = "service-tests"
_TEMPLATE = "template"

_s3: list[S3Server] = []


def use(server: S3Server) -> None:
    """Say which object store there is."""
    _s3.append(server)


def the_s3_server() -> S3Server:
    """The one that was said."""
    return _s3[-1]


def are_asked_for() -> bool:
    """Whether the tests are to run over them."""
    return bool(os.environ.get("LOOKALIKE_TEST_SERVERS"))


class SmallBacking(ServerBacking):
    """With the fake embedder, whose vectors are small.

    Args:
        settings: of the service.
        not_ours: names of collections that count as there before the service, as folders do that are named to it.
    """

    def __init__(self, settings: ServiceSettings, *, not_ours: Sequence[str]) -> None:
        super().__init__(settings)
        self._not_ours = not_ours

    def is_ours(self, name: str, /) -> bool:
        """See `Backing`."""
        return name not in self._not_ours

    def _wire(self, catalog: PostgresCatalog, *, create: bool) -> Collection:
        folder = self._settings.home / "local" / str(catalog.number)
        folder.mkdir(parents=True, exist_ok=True)
        feed = partial(view_elsewhere, self._settings.vectors, feeds=Feeds.WHEN_ASKED)
        parts = new_parts(folder, catalog=catalog, objects_of=self._objects_of, view_of=feed)
        return Collection(parts, threads=2, read_only=False)


class Made(NamedTuple):
    """A database and a prefix that hold the collections which each test begins with."""

    database: str
    ids: tuple[str, ...]


bucket_of_tests = bucket_of
"""Where the collections of a service keep their bytes."""


def settings_over_servers(settings: ServiceSettings, names: Sequence[str], *, pictures: int) -> ServiceSettings:
    """The same, with collections of these names on servers, each with so many pictures: this test's own copies."""
    made = _made(tuple(names), pictures)
    own = secrets.token_hex(8)
    server = the_postgres_server()
    server.run_sql(f"CREATE DATABASE d{own} TEMPLATE {urlsplit(made.database).path[1:]}")
    client = client_of(the_s3_server())
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{_TEMPLATE}/"):
        for one in page.get("Contents", ()):
            source = {"Bucket": BUCKET, "Key": one["Key"]}
            client.copy_object(Bucket=BUCKET, Key=one["Key"].replace(_TEMPLATE, own, 1), CopySource=source)
    return _over(settings, database=server.url_of(f"d{own}"), prefix=own)


@cache
def _made(names: tuple[str, ...], pictures: int) -> Made:
    s3: S3Server = the_s3_server()
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = s3.keys
    make_bucket(s3, BUCKET, pages=("*",))
    database = the_postgres_server().make_database()
    settings = _over(ServiceSettings(home=lasting_folder()), database=database, prefix=_TEMPLATE)
    backing = SmallBacking(settings, not_ours=names)
    ids: tuple[str, ...] = ()
    for name in names:
        collection = backing.open(name, create=True)
        ids = tuple(collection.add(png(n), metadata={"n": n, "name": f"picture {n}"}) for n in range(pictures))
        collection.close()
    backing.close()
    return Made(database, ids)


def _over(settings: ServiceSettings, *, database: str, prefix: str) -> ServiceSettings:
    return replace(
        settings,
        collections={},
        database=database,
        vectors=database,
        objects=f"s3://{BUCKET}/{prefix}",
        objects_endpoint=the_s3_server().url,
    )
