"""A connection to a SQLite file that leaves no lock to the garbage collector."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import WeakSet


class Connection(sqlite3.Connection):
    """Ends its statements with its transaction, and before it is closed.

    A statement that is half read holds a lock on the file, also behind the end of its transaction and of the
    connection, and it lives as long as its cursor: in the frames of an error that may be until the collector comes by.

    Attributes:
        file: device and inode of the file, where whoever opened it has noted them; else zeros.
        is_open: until it is closed.
    """

    file: tuple[int, int] = (0, 0)
    is_open = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Begin a statement, as in the standard library."""
        cursor = super().execute(sql, parameters)
        self._cursors.add(cursor)
        return cursor

    def undo(self) -> None:
        """End what is still being read, and undo what the transaction has written, if there is one."""
        self._end_statements()
        if self.in_transaction:  # an error such as a full disk may have undone it already
            super().execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self.is_open = False
        self._end_statements()
        super().close()

    def _end_statements(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()


def connect(path: Path, *, busy_wait_s: float, pragmas: Iterable[str], create: bool = False) -> Connection:
    """Open a file, for any thread, one at a time; transactions are begun and ended by statements.

    Args:
        path: of the file.
        busy_wait_s: how long to wait for other connections and processes, in seconds.
        pragmas: statements that set it up.
        create: make an empty file where there is none.
    Raises:
        sqlite3.Error: when it cannot be opened, or is no SQLite file; nothing stays open then.
    """
    # rw also for reading: a reader may have to undo the write that a dead process left half done
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=busy_wait_s, isolation_level=None, check_same_thread=False, factory=Connection
    )
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:  # a damaged file may fail here
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, is_immutable: bool = False) -> Connection:
    """Open a file that is only read, and does not change while it is open.

    Args:
        path: of the file.
        is_immutable: read it without a lock, and without a look at a journal beside it.
    Raises:
        sqlite3.Error: when it cannot be opened.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_immutable else ''}"
    return sqlite3.connect(uri, uri=True, factory=Connection)
