"""Connections to a SQLite file that threads share: many that read, one that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Protocol

from lookalike.core.ending import turn_of
from lookalike.core.errors import LookalikeError
from lookalike.storage.sqlite.connection import Connection, connect
from lookalike.storage.sqlite.interrupting import interruptible

_MOST_IDLE = 8
_PRAGMAS = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON")

# No write-ahead log: up to SQLite 3.51.2 a rare race of two processes can corrupt it. TRUNCATE with FULL is durable:
# SQLite syncs the database, empties the journal and syncs that too before it returns.
# (DELETE would need EXTRA, which syncs the folder.)
_DURABLE = ("journal_mode = TRUNCATE", "synchronous = FULL")
_WRITER_PRAGMAS = tuple(f"PRAGMA {pragma}" for pragma in _DURABLE)


class Guard(Protocol):
    """Looks whether a file is still the one that was opened, and goes on from what it was."""

    def file(self) -> tuple[int, int]:
        """Device and inode of the file that lies there now; raises where there is none."""
        ...

    def begun(self, connection: Connection) -> None:
        """A transaction has begun, of which nothing was read yet; raises where it must not go on."""
        ...

    def committing(self, connection: Connection) -> Callable[[], None]:
        """A transaction is about to be committed; what comes back is called when it was."""
        ...

    def failed(self, connection: Connection) -> None:
        """SQLite tells an error; raises where that says nothing, because the file was removed or replaced meanwhile."""
        ...

    def undoing(self) -> None:
        """What a transaction may have written is about to be taken back."""
        ...


class Pool:
    """Lends connections to threads, each to one at a time. Safe to use from many threads.

    Nothing else in a process may open and close the file: that would let go of the locks that SQLite holds on it.

    Args:
        path: of the file, which exists when the first connection is opened.
        what: it holds, in a word, for messages.
        error: that is raised when the pool is closed, or a transaction is begun within another.
        busy_wait_s: how long a reader waits for a commit and a commit for readers, in seconds.
        pragmas, writer_pragmas: statements that set up each connection, and the one that writes, beside those that make
            it durable.
        guard: is asked about each block; None for a file whose place nothing takes.
        has_rows: have rows that can be asked by the names of their columns.
    """

    def __init__(
        self,
        path: Path,
        *,
        what: str,
        error: type[LookalikeError],
        busy_wait_s: float,
        pragmas: tuple[str, ...] = (),
        writer_pragmas: tuple[str, ...] = (),
        guard: Guard | None = None,
        has_rows: bool = False,
    ) -> None:
        self.path = path
        self.busy_wait_s = busy_wait_s
        self._what = what
        self._error = error
        self._pragmas = _PRAGMAS + pragmas
        self._writer_pragmas = _WRITER_PRAGMAS + writer_pragmas
        self._guard = guard
        self._has_rows = has_rows
        self._idle: list[Connection] = []
        self._most_idle = _MOST_IDLE
        self._mutex = Lock()
        self._turn = RLock()
        self._writer: Connection | None = None  # unless it is lent
        self._is_writing = False
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be had any more."""
        return self._closed

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one committed state until the block ends; see `interruptible`.

        Raises:
            sqlite3.Error: when the file cannot be opened or read.
            DeadlineExceeded: when it took longer than the work may last.
        """
        connection = self._take()
        try:
            with self._telling_what_is_gone(connection), interruptible(connection, busy_wait_s=self.busy_wait_s):
                connection.execute("BEGIN")
                if self._guard is not None:
                    self._guard.begun(connection)
                yield connection
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other runs beside, in any process: what it reads is what it changes.

        Committed durably when the block ends, undone when it raises. Other threads wait for their turn.

        Raises:
            sqlite3.Error: when the file cannot be opened or written.
            DeadlineExceeded: when the turn did not come before this thread's work is to end.
        """
        with turn_of(self._turn), self._lent_writer() as connection, self._telling_what_is_gone(connection):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._guard is not None:
                    self._guard.begun(connection)
                yield connection
                committed = self._guard.committing(connection) if self._guard is not None else _do_nothing
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise
            committed()

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back. Idempotent."""
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

    def _take(self) -> Connection:
        with self._mutex:
            self._check_open()
            if self._idle:
                return self._idle.pop()
        return self._open("PRAGMA query_only = ON")

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

    @contextmanager
    def _telling_what_is_gone(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error:
            if self._guard is not None:
                self._guard.failed(connection)
            raise

    def _undo(self, connection: Connection) -> None:
        if self._guard is not None:
            self._guard.undoing()
        try:
            connection.undo()
        except sqlite3.Error:  # the error that led here is the one to tell; a new connection undoes the rest
            connection.close()

    @contextmanager
    def _lent_writer(self) -> Iterator[Connection]:
        """The connection that writes, for one block at a time: the caller holds the turn."""
        if self._is_writing:
            raise self._error("a transaction was begun inside another one of the same thread; end that first")
        self._is_writing = True
        try:
            connection = self._take_writer()
            try:
                yield connection
            finally:
                self._give_writer_back(connection)
        finally:
            self._is_writing = False

    def _take_writer(self) -> Connection:
        with self._mutex:
            self._check_open()
            writer, self._writer = self._writer, None
        return writer or self._open(*self._writer_pragmas)

    def _give_writer_back(self, connection: Connection) -> None:
        with self._mutex:
            if self._most_idle and connection.is_open:
                self._writer = connection
                return
        connection.close()

    def _open(self, *pragmas: str) -> Connection:
        while True:
            file = self._guard.file() if self._guard is not None else Connection.file
            with ExitStack() as stack:
                try:
                    connection = connect(self.path, busy_wait_s=self.busy_wait_s, pragmas=(*self._pragmas, *pragmas))
                except sqlite3.Error:
                    if self._guard is not None and self._guard.file() != file:
                        continue
                    raise
                stack.callback(connection.close)
                # else another one was put there just now: which was opened?
                if self._guard is None or self._guard.file() == file:
                    connection.file = file
                    connection.row_factory = sqlite3.Row if self._has_rows else None
                    stack.pop_all()
                    return connection

    def _check_open(self) -> None:
        if self._closed:
            raise self._error(f"{self.path}: the {self._what} is closed")


def _do_nothing() -> None:
    pass


def make_durable(connection: Connection, name: str) -> None:
    """Have what is committed to a file durable, as in a pool, where a connection has attached several.

    Args:
        connection: outside of any transaction.
        name: by which SQL calls the file; `main` is the one that was opened.
    """
    for pragma in _DURABLE:
        connection.execute(f"PRAGMA {name}.{pragma}")
