"""Connections to the file: many that read, one that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock

from lookalike.catalog.sqlite.continuity import Continuity, history_of, stamp_of
from lookalike.catalog.sqlite.errors import decoding, translating
from lookalike.catalog.sqlite.format import PAGE_SIZE_BYTES
from lookalike.core.ending import turn_of
from lookalike.core.errors import CollectionError, ReadOnly
from lookalike.storage.sqlite.connection import Connection, connected
from lookalike.storage.sqlite.interrupting import interruptible

MOST_CHANGED_BYTES = 256 << 20
"""Of a transaction in memory. Once more are changed, some are written before the commit, and that shuts readers out."""

_MOST_IDLE = 8
_CACHE_BYTES = 32 << 20
_PRAGMAS = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA foreign_keys = ON")

# TRUNCATE with FULL is durable: SQLite syncs the database, empties the journal and syncs that too before it returns.
# (DELETE would need EXTRA, which syncs the folder.)
# What is deleted is overwritten with zeros where its page is written anyway.
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = FAST",
)


class Connections:
    """Lends connections to threads, each to one at a time.

    Once `watch` was called, each block begins with a look whether the file is still the one that was opened first.

    Args:
        path: of the database, which exists.
        read_only: whether `writing` is refused.
        busy_wait_s: how long a reader waits for a commit and a commit for readers, in seconds.
        most_changed_bytes: of a transaction in memory, before some are written and readers are shut out until its end.
    """

    def __init__(
        self, path: Path, *, read_only: bool, busy_wait_s: float, most_changed_bytes: int = MOST_CHANGED_BYTES
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.busy_wait_s = busy_wait_s
        self._memory_pragmas = (
            f"PRAGMA cache_size = {min(_CACHE_BYTES, most_changed_bytes) // PAGE_SIZE_BYTES}",
            f"PRAGMA cache_spill = {most_changed_bytes // PAGE_SIZE_BYTES}",
        )
        self._continuity: Continuity | None = None
        self._idle: list[Connection] = []
        self._most_idle = _MOST_IDLE
        self._mutex = Lock()
        self._turn = RLock()
        self._writer: Connection | None = None  # unless it is lent
        self._is_writing = False
        self._closed = False

    def watch(self) -> None:
        """From now on the file must be the same one, and go on from what it is; it has its tables.

        Raises:
            NoCollection: when it is gone.
        """
        self._continuity = Continuity(self.path)
        with self.reading():
            pass

    def check_there(self) -> None:
        """Raises `NoCollection` when the file is gone."""
        if self._continuity is not None:
            stamp_of(self.path)

    @property
    def are_unchanged(self) -> bool:
        """Whether the file's size and time are those of the last block that began. At once."""
        return not self._closed and self._continuity is not None and self._continuity.is_unchanged()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one committed state until the block ends; see `interruptible`.

        Raises:
            CollectionReplaced, NoCollection: when the file is another one now, or gone.
        """
        with translating(self.path), decoding():
            connection = self._taken()
            try:
                with interruptible(connection, busy_wait_s=self.busy_wait_s):
                    connection.execute("BEGIN")
                    if self._continuity is not None:
                        self._continuity.check(connection, connection.file)
                    yield connection
            finally:
                self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, undone when it raises. Other threads wait for their turn.

        The caller holds the writer lock. Raises as `reading`, before anything is changed.
        """
        if self.read_only:
            raise ReadOnly(f"{self.path}: the collection was opened for reading only")
        with turn_of(self._turn), self._lent_writer() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._continuity is not None:
                    self._continuity.check(connection, connection.file)
                yield connection
                history = history_of(connection) if self._continuity is not None else None
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise
            else:
                if self._continuity is not None and history is not None:
                    self._continuity.committed(history)

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back."""
        with self._mutex:
            self._closed = True
        self.keep_none()

    def keep_none(self) -> None:
        """Close what is not lent, and from now on whatever comes back; what is needed is opened as before."""
        with self._mutex:
            self._most_idle = 0
            idle, self._idle = self._idle, []
            writer, self._writer = self._writer, None
        for connection in idle:
            connection.close()
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
        if self._continuity is not None:
            self._continuity.undoing()
        try:
            connection.undo()
        except sqlite3.Error:  # the error that led here is the one to tell; a new connection undoes the rest
            connection.close()

    @contextmanager
    def _lent_writer(self) -> Iterator[Connection]:
        """The connection that writes, for one block at a time: the caller holds the turn."""
        if self._is_writing:
            raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
        self._is_writing = True
        try:
            with translating(self.path):
                connection = self._taken_writer()
                try:
                    yield connection
                finally:
                    self._give_writer_back(connection)
        finally:
            self._is_writing = False

    def _taken_writer(self) -> Connection:
        with self._mutex:
            if self._closed:
                raise CollectionError(f"{self.path}: the catalog is closed")
            writer, self._writer = self._writer, None
        return writer or self._opened(*_WRITER_PRAGMAS, *self._memory_pragmas)

    def _give_writer_back(self, connection: Connection) -> None:
        with self._mutex:
            if self._most_idle and connection.is_open:
                self._writer = connection
                return
        connection.close()

    def _give_back(self, connection: Connection) -> None:
        try:
            connection.undo()  # nothing was written: it only ends the view
        except sqlite3.Error:
            connection.close()
            return
        with self._mutex:
            if len(self._idle) < self._most_idle:
                self._idle.append(connection)
                return
        connection.close()

    def _opened(self, *pragmas: str) -> Connection:
        while True:
            file = stamp_of(self.path).file
            with ExitStack() as stack:
                connection = connected(self.path, busy_wait_s=self.busy_wait_s, pragmas=(*_PRAGMAS, *pragmas))
                stack.callback(connection.close)
                if stamp_of(self.path).file == file:  # else another one was put there just now: which was opened?
                    connection.file = file
                    stack.pop_all()
                    return connection
