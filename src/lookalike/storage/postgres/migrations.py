"""The tables of a schema: numbered files of SQL, each run once, in one transaction, and never changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from lookalike.core.errors import FormatTooNew
from lookalike.core.installing import upgrade_advice
from lookalike.storage.postgres.errors import Lacking
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

_FILE = re.compile(r"v([0-9]{4})_([a-z0-9_]+)\.sql")
# Asked of the tables, for what functions such as to_regclass know may be from before the lock was waited for.
_EXISTS = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'migrations'"""
_DONE = "SELECT coalesce(max(number), 0) FROM ours.migrations"
_PREPARE = """
    CREATE SCHEMA IF NOT EXISTS {schema};
    CREATE TABLE IF NOT EXISTS ours.migrations (
        number integer PRIMARY KEY, name text NOT NULL, done_at timestamptz NOT NULL DEFAULT now()
    )"""
# One lock for all schemas: two who make the first one at the same time would meet in the server's own tables.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('lookalike migrations'))"


class Migration(NamedTuple):
    """A step from one format to the next.

    Attributes:
        number: of the format that it leads to; they are counted from 1.
        name: what it brings, in a word.
        statements: in SQL, separated by semicolons, about the schema `ours`.
    """

    number: int
    name: str
    statements: str


class Schema(NamedTuple):
    """Tables that are made where there are none, and brought up to date.

    Attributes:
        name: of the schema.
        package: that has its migrations.
        what: is in it, in a word, for messages.
    """

    name: str
    package: str
    what: str

    @property
    def newest(self) -> int:
        """The format that this version uses."""
        return load_migrations(self.package)[-1].number


def load_migrations(package: str) -> list[Migration]:
    """The files `vNNNN_name.sql` of a package, in order."""
    found = []
    for file in files(package).iterdir():
        matched = _FILE.fullmatch(file.name)
        if matched is not None:
            found.append(Migration(int(matched[1]), matched[2], file.read_text("utf-8")))
    return sorted(found)


def format_of(session: Session) -> int:
    """The format of the session's schema; 0 where there is none."""
    (exists,) = session.one(_EXISTS, (session.schema,))
    return int(session.one(_DONE)[0]) if exists else 0


def check_format(found: int, migrations: Sequence[Migration], *, place: str, what: str) -> None:
    """See that a schema has the format that this version reads.

    Raises:
        FormatTooNew: when a newer version has been there.
        Lacking: when migrations were not run.
    """
    newest = migrations[-1].number
    if found > newest:
        raise FormatTooNew(
            f"{place}: the {what} was written by a newer Lookalike (format {found}; this one knows up to {newest}): "
            f"{upgrade_advice()}"
        )
    if found < newest:
        raise Lacking(
            f"{place}: expected the {what} in format {newest}, got {found or 'none'}: open it once to write, as "
            "`lookalike index` or the service does, with a role that may create tables"
        )


def migrate(pool: Pool, schema: str, migrations: Sequence[Migration], *, what: str) -> None:
    """Bring a schema to the newest format; make it where there is none. Idempotent; of several, one does the work.

    Args:
        pool: to the database, with a role that may create schemas and tables.
        schema: its name.
        migrations: all, in order.
        what: is in it, in a word, for messages.
    Raises:
        FormatTooNew: when a newer version has been there.
        ServiceDown: when the role may not do that, or the database cannot be reached.
    """
    while (found := pool.ask(schema, format_of)) < migrations[-1].number:
        with pool.transaction(schema, lock_wait_s=60.0) as session:
            migrate_step(session, migrations, after=found)
    check_format(found, migrations, place=pool.place, what=what)


def migrate_step(session: Session, migrations: Sequence[Migration], *, after: int) -> None:
    """Take the step behind a format within a transaction, unless another one has taken it."""
    session.change(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
    )  # what whoever had the lock before has done is seen
    session.rows(_LOCK)
    if format_of(session) != after:
        return
    if not after:
        session.change(_PREPARE.format(schema=session.schema))
    number, name, statements = next(one for one in migrations if one.number > after)
    session.change(statements)
    session.change("INSERT INTO ours.migrations (number, name) VALUES (%s, %s)", (number, name))
