"""A connection for the time of a block: what is asked of it, in which schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from lookalike.core.errors import Overtaken
from lookalike.storage.postgres.errors import is_lost, is_outdated, translate

OURS = "ours."
"""How statements call the schema; the session puts its name there, so that one connection serves many schemas."""

Row = tuple[Any, ...]


class Session:
    """Lent by a `Pool`; used by one thread. Every error is one of ours.

    Args:
        connection: of this block alone.
        schema: a name of letters, digits and underscores, in the place of `ours`.
        place: the database, as it may be shown.
        is_block: whether a transaction is open on it: a lost connection has undone that, and it is to begin again.

    Attributes:
        xid: of the transaction, where a statement of the block has told it: that saves asking at the commit.
    """

    def __init__(self, connection: psycopg.Connection[Row], *, schema: str, place: str, is_block: bool = False) -> None:
        self.connection = connection
        self.schema = schema
        self.xid: int | None = None
        self._place = place
        self._is_block = is_block

    def rows(self, statement: str, values: Sequence[Any] = (), *, binary: bool = False) -> list[Row]:
        """All rows of a query. Placeholders are `%s`; without values, a `%` is just that.

        Args:
            statement: the query.
            values: of the placeholders.
            binary: have values come as the server holds them: half the bytes of a `bytea`; types that the driver does
                not know come as bytes.
        """
        with self._translating():
            return self._execute(statement, values, binary=binary).fetchall()

    def one(self, statement: str, values: Sequence[Any] = (), *, binary: bool = False) -> Row:
        """The row of a query that has one; arguments as of `rows`."""
        (row,) = self.rows(statement, values, binary=binary)
        return row

    def first(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, if it has one."""
        with self._translating():
            return self._execute(statement, values).fetchone()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it has changed."""
        with self._translating():
            return self._execute(statement, values).rowcount

    def change_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row, in one go over the network."""
        with self._translating(), self.connection.cursor() as cursor:
            cursor.executemany(self._fill_in(statement), rows)

    def copy_in(self, statement: str, rows: Iterable[Sequence[Any]], *, types: Sequence[str]) -> None:
        """Write many rows by COPY ... FROM STDIN (FORMAT BINARY).

        Args:
            statement: that.
            rows: one value for each column.
            types: of the columns, as PostgreSQL calls them.
        """
        with (
            self._translating(),
            self.connection.cursor() as cursor,
            cursor.copy(self._fill_in(statement)) as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def copy_bytes(self, statement: str, data: Iterable[bytes]) -> None:
        """Write rows that are encoded already, by COPY ... FROM STDIN."""
        with self._translating(), self.connection.cursor() as cursor, cursor.copy(self._fill_in(statement)) as copy:
            for some in data:
                copy.write(some)

    def _execute(self, statement: str, values: Sequence[Any], *, binary: bool = False) -> psycopg.Cursor[Row]:
        return self.connection.execute(self._fill_in(statement), values or None, binary=binary)

    def _fill_in(self, statement: str) -> Any:
        """The names of schemas are made by us, and values are always bound."""
        return statement.replace(OURS, f"{self.schema}.") if self.schema else statement

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if is_outdated(error):
                self.connection.close()
            if self._is_block and is_lost(error):
                raise lost_block(self._place) from error
            raise translate(error, self._place) from error


def lost_block(place: str) -> Overtaken:
    """What is told of a block whose connection is lost."""
    return Overtaken(
        f"{place}: the connection was lost in the middle of a block, of which nothing remains: begin it again"
    )
