"""Catalogs in a PostgreSQL database: each in a schema of its own, and a list of them."""

from __future__ import annotations

from typing import Any

from lookalike.catalog.catalogs import CatalogOverview, overview_of
from lookalike.catalog.postgres.catalog import PostgresCatalog, schema_of
from lookalike.catalog.postgres.continuing import go_on_from_copy
from lookalike.core.errors import CatalogDamaged, CollectionError, CollectionReplaced, NoCollection
from lookalike.storage.postgres.errors import Lacking
from lookalike.storage.postgres.migrations import (
    Schema,
    check_format,
    format_of,
    load_migrations,
    migrate,
    migrate_step,
)
from lookalike.storage.postgres.pool import MOST, Pool
from lookalike.storage.postgres.session import Session

SCHEMA = "lookalike"
"""Where the list lies."""

DROP_WAIT_S = 10.0
"""How long to wait for who writes to a catalog that is to be dropped, in seconds."""

LIST = Schema(SCHEMA, "lookalike.catalog.postgres.places", "list of catalogs")
_TABLES = "lookalike.catalog.postgres.migrations"
_WHAT = "catalog"


class PostgresCatalogs:
    """See `lookalike.catalog.catalogs.Catalogs`. Nothing is connected to before something is asked.

    Args:
        url: of the database.
        most_connections: that this process has there at a time, beside two for looking at commits.
        drop_wait_s: see `DROP_WAIT_S`.
        options: of each catalog, such as `keep_removed_days`.
    """

    def __init__(
        self, url: str, *, most_connections: int = MOST, drop_wait_s: float = DROP_WAIT_S, **options: Any
    ) -> None:
        self._pool = Pool(url, most=most_connections)
        # Commits that wait for their turn hold a connection each; who has the turn must find another one to look with.
        self._checking = Pool(url, most=2, name="lookalike commits")
        self._drop_wait_s = drop_wait_s
        self._options = options
        self._is_ready = False

    def names(self) -> list[str]:
        """All of them, sorted; see `Catalogs`."""
        rows = self._ask("SELECT name FROM ours.collections ORDER BY name")
        return [name for (name,) in rows]

    def numbers(self) -> list[int]:
        """Of all that there are; no other one ever has the same, also under the same name."""
        return [number for (number,) in self._ask("SELECT number FROM ours.collections ORDER BY number")]

    def exists(self, name: str) -> bool:
        """Whether there is one; see `Catalogs`."""
        return self._number(name) is not None

    def is_gone(self, name: str) -> bool:
        """Whether nothing is left of it; see `Catalogs`."""
        return not self.exists(name)

    def open(self, name: str, *, read_only: bool = False) -> PostgresCatalog:
        """Open one; see `Catalogs`. To write, it is brought up to date where an earlier version made it."""
        number = self._number(name)
        if number is None:
            raise no_collection(name)
        schema, migrations = schema_of(number), load_migrations(_TABLES)
        found = self._pool.ask(schema, format_of)
        if not found:
            self._check_still_there(name, number)
            raise CatalogDamaged(
                f"expected the tables of the collection {name!r} in the schema {schema} of {self._pool.place}, but "
                "there are none: restore them from a backup, or drop the collection"
            )
        newest = migrations[-1].number
        if found < newest and read_only:
            raise CollectionError(
                f"expected the collection {name!r} in format {newest}, got {found}, which an earlier version wrote: "
                "open it once to write, as `lookalike index` does"
            )
        if found < newest:
            migrate(self._pool, schema, migrations, what=_WHAT)
        check_format(max(found, newest), migrations, place=self._pool.place, what=_WHAT)
        if not read_only:
            go_on_from_copy(self._pool, schema)
        return PostgresCatalog(
            name,
            number,
            pool=self._pool,
            checking=self._checking,
            missing=self._check_still_there,
            read_only=read_only,
            **self._options,
        )

    def create(self, name: str) -> bool:
        """Make one; see `Catalogs`. The list and the tables come in one step."""
        self._make_ready()
        if self.exists(name):
            return False
        with self._pool.transaction(SCHEMA) as session:
            session.change("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # who waits for another sees that one
            made = session.rows(
                "INSERT INTO ours.collections (name) VALUES (%s) ON CONFLICT (name) DO NOTHING RETURNING number",
                (name,),
            )
            if not made:
                return False
            tables = Session(session.connection, schema=schema_of(made[0][0]), place=self._pool.place, is_block=True)
            for migration in load_migrations(_TABLES):
                migrate_step(tables, load_migrations(_TABLES), after=migration.number - 1)
        return True

    def drop(self, name: str) -> None:
        """Remove one, in one transaction; see `Catalogs`. Whoever reads or writes it at the moment is waited for."""
        if not self.exists(name):
            raise no_collection(name)
        with self._pool.transaction(SCHEMA, lock_wait_s=self._drop_wait_s) as session:
            session.change("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            gone = session.rows("DELETE FROM ours.collections WHERE name = %s RETURNING number", (name,))
            if not gone:
                raise no_collection(name)
            session.change(f"DROP SCHEMA IF EXISTS {schema_of(gone[0][0])} CASCADE")

    def overview(self, name: str) -> CatalogOverview:
        """What a catalog says of its collection; see `Catalogs`."""
        with self.open(name, read_only=True) as catalog:
            return overview_of(catalog)

    def stamp(self, name: str) -> str:
        """The catalog's version, and its number; see `Catalogs`."""
        try:
            with self.open(name, read_only=True) as catalog:
                return f"{catalog.number} {catalog.version()}"
        except CollectionError:
            return ""

    def close(self) -> None:
        """Close all connections, those of open catalogs, too. Idempotent."""
        self._pool.close()
        self._checking.close()

    def _number(self, name: str) -> int | None:
        rows = self._ask("SELECT number FROM ours.collections WHERE name = %s", (name,))
        return rows[0][0] if rows else None

    def _ask(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Ask the list, which is empty where it was not made yet."""
        try:
            return self._pool.ask(SCHEMA, lambda session: session.rows(statement, values))
        except Lacking:
            return []

    def _make_ready(self) -> None:
        if not self._is_ready:
            migrate(self._pool, SCHEMA, load_migrations(LIST.package), what=LIST.what)
            self._is_ready = True

    def _check_still_there(self, name: str, number: int) -> None:
        """Where its tables are gone: whether it was dropped, or another one made in its place."""
        found = self._number(name)
        if found is None:
            raise no_collection(name)
        if found != number:
            raise CollectionReplaced(
                f"expected the collection {name!r} that was opened, but it was dropped and another one made: "
                "open it anew"
            )


def no_collection(name: str) -> NoCollection:
    """What is told of a name that belongs to no catalog."""
    return NoCollection(f"expected a collection {name!r}, but there is none: make it first")


def open_postgres_catalogs(url: str, **options: Any) -> PostgresCatalogs:
    """The catalogs of a database; the caller closes them. Nothing is connected to yet.

    Args:
        url: `postgresql://user:secret@host:port/name`.
        options: of `PostgresCatalogs`.
    Raises:
        BadInput: when that is no such URL.
    """
    return PostgresCatalogs(url, **options)
