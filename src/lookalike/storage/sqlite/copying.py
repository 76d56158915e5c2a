"""Copies of SQLite files that are in use, as they were committed at one moment.

Our files have a rollback journal. With that, nothing is committed to a file while another connection reads it: who
wants to commit waits. So a file that is being read does not change, and neither do several that are read at the same
time. Whoever begins to read then waits for that commit, too, unless who writes is kept from beginning by other means.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from lookalike.storage.private import FILE

WAIT_S = 30.0
"""How long who copies waits for who writes, in seconds."""


@contextmanager
def unchanging(*paths: Path) -> Iterator[list[sqlite3.Connection]]:
    """Connections to files to which nothing is committed until the block ends.

    For a process that does not have these files open otherwise: closing a connection of SQLite's own would let go of
    the locks of others.

    Raises:
        sqlite3.Error: when one cannot be read, or is being written for longer than half a minute.
    """
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(_connect(path))) for path in paths]
        for connection in connections:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now it is being read
        yield connections


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Copy all that a connection of `unchanging` sees into a new file that only its owner may read.

    Raises:
        sqlite3.Error, OSError: when one cannot be read or the other written.
    """
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # who waits for this need not wait for the disk
        connection.backup(copy)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw also for reading: a reader may have to undo the write that a dead process left half done
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection
