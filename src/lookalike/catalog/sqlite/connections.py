"""Connections to the file: many that read, one that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock

from lookalike.catalog.sqlite.errors import decoding, translating
from lookalike.core.ending import interruptible, turn_of
from lookalike.core.errors import CollectionError, ReadOnly
from lookalike.core.sqlite_connection import Connection, connected

_MOST_IDLE = 8
_PRAGMAS = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA foreign_keys = ON")

# TRUNCATE with FULL is durable: SQLite syncs the database, empties the journal and syncs that too before it returns.
# (DELETE would need EXTRA, which syncs the folder.) The cache holds a usual transaction, so that readers are shut out
# only at its end.
# What is deleted is overwritten with zeros where its page is written anyway.
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA secure_delete = FAST",
)


class Connections:
    """Lends connections to threads, each to one at a time.

    Args:
        path: of the database, which exists.
        read_only: whether `writing` is refused.
        busy_wait_s: how long a reader waits for a commit and a commit for readers, in seconds.
    """

    def __init__(self, path: Path, *, read_only: bool, busy_wait_s: float) -> None:
        self.path = path
        self.read_only = read_only
        self.busy_wait_s = busy_wait_s
        self._idle: list[Connection] = []
        self._mutex = Lock()
        self._turn = RLock()
        self._writer: Connection | None = None
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one committed state until the block ends; see `interruptible`."""
        with translating(self.path), decoding():
            connection = self._taken()
            try:
                with interruptible(connection, busy_wait_s=self.busy_wait_s):
                    connection.execute("BEGIN")
                    yield connection
            finally:
                self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, undone when it raises. Other threads wait for their turn.

        The caller holds the writer lock.
        """
        if self.read_only:
            raise ReadOnly(f"{self.path}: the collection was opened for reading only")
        with turn_of(self._turn), translating(self.path):
            connection = self._opened_writer()
            if connection.in_transaction:
                raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back."""
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._turn:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def _taken(self) -> Connection:
        with self._mutex:
            if self._closed:
                raise CollectionError(f"{self.path}: the catalog is closed")
            if self._idle:
                return self._idle.pop()
        return self._opened("PRAGMA query_only = ON")

    def _undo(self, connection: Connection) -> None:
        try:
            connection.undo()
        except sqlite3.Error:  # the error that led here is the one to tell; a new connection undoes the rest
            connection.close()
            self._writer = None

    def _give_back(self, connection: Connection) -> None:
        try:
            connection.undo()  # nothing was written: it only ends the view
        except sqlite3.Error:
            connection.close()
            return
        with self._mutex:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _opened_writer(self) -> Connection:
        if self._closed:
            raise CollectionError(f"{self.path}: the catalog is closed")
        if self._writer is None:
            self._writer = self._opened(*_WRITER_PRAGMAS)
        return self._writer

    def _opened(self, *pragmas: str) -> Connection:
        return connected(self.path, busy_wait_s=self.busy_wait_s, pragmas=(*_PRAGMAS, *pragmas))
