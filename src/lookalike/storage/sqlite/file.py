"""A SQLite file that many threads and processes write, each for a moment."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from lookalike.core.ending import turn_of
from lookalike.core.errors import FormatTooNew, ReadOnly, StorageFailed
from lookalike.core.installing import upgrade_advice
from lookalike.storage.private import FILE, database_files, keep_private, make_private
from lookalike.storage.sqlite.connection import Connection
from lookalike.storage.sqlite.errors import translating
from lookalike.storage.sqlite.pool import Pool

_IS_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_OF_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)

_log = logging.getLogger(__name__)


class SqliteFile:
    """Lends connections to threads, each to one at a time; made, or brought up to date, on opening.

    Nothing else in a process may open and close the file: that would let go of the locks that SQLite holds on it.

    Args:
        path: of the file; its folder is made.
        what: it holds, in a word, for messages.
        application_id: tells it from other SQLite files, 31 bits.
        migrations: statements that lead from each format to the next; append-only. The format is their number.
        busy_wait_s: how long to wait for other processes, in seconds.
        starts_anyway: where the disk does not let it be made now, it is made when it is first used and can be: every
            use before raises what this would have raised.
        take_over: called before a file is made from nothing, with its path, outside of any transaction: may make it, in
            one, of what an earlier version has kept elsewhere; None for nothing.
    Raises:
        FormatTooNew: when a newer version wrote it.
        StorageFailed: when the file is something else, broken, or cannot be made.
        ReadOnly, Locked: when it must be made or brought up to date, and cannot.
    """

    def __init__(
        self,
        path: Path,
        *,
        what: str,
        application_id: int,
        migrations: Sequence[Sequence[str]],
        busy_wait_s: float = 10.0,
        starts_anyway: bool = False,
        take_over: Callable[[Path], None] | None = None,
    ) -> None:
        self.path = path
        self._what = what
        self._application_id = application_id
        self._migrations = migrations
        self._take_over = take_over
        self._pool = Pool(path, what=what, error=StorageFailed, busy_wait_s=busy_wait_s, has_rows=True)
        self._making = Lock()
        self._is_made = False
        try:
            self._make()
        except BaseException as error:
            if not (starts_anyway and _is_of_disk(error)):
                self.close()
                raise
            _log.warning("the %s cannot be made yet: %s", what, error)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one committed state until the block ends; see `interruptible`."""
        self._make()
        with self._reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other runs beside, in any process: what it reads is what it changes.

        Committed durably when the block ends, undone when it raises. Within another one of its thread it is refused.
        """
        self._make()
        with self._writing() as connection:
            yield connection

    def _make(self) -> None:
        if not self._is_made:
            with turn_of(self._making):
                if not self._is_made:
                    _make(self.path)
                    self._bring_up_to_date()
                    self._is_made = True

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translating(self.path), self._pool.reading() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translating(self.path), self._pool.writing() as connection:
            yield connection

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back. Idempotent."""
        self._pool.close()

    def _bring_up_to_date(self) -> None:
        with self._reading() as connection:
            found = self._format(connection)
        if found == len(self._migrations):
            return
        if not found and self._take_over is not None:
            with translating(self.path):
                self._take_over(self.path)
        with self._writing() as connection:
            for statements in self._migrations[self._format(connection) :]:  # another process may have done some
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self._application_id}")
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")

    def _format(self, connection: Connection) -> int:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id != self._application_id:
            if application_id or found or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise StorageFailed(
                    f"{self.path}: expected a Lookalike {self._what}, but this is another kind of file; "
                    "choose another place"
                )
            return 0
        if found > len(self._migrations):
            raise FormatTooNew(
                f"{self.path}: written by a newer Lookalike (format {found}; this one knows up to "
                f"{len(self._migrations)}): {upgrade_advice()}"
            )
        return int(found)


def _is_of_disk(error: BaseException) -> bool:
    """Whether the disk is full or cannot be written, rather than the file being broken or another one."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _OF_DISK
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, *_IS_READ_ONLY)


def _make(path: Path) -> None:
    """Make an empty file that only its owner may read, and its folder, where there is none."""
    try:
        make_private(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))
    except FileExistsError:  # a folder in its place is told on opening
        keep_private(*database_files(path))
    except OSError as error:
        kind = ReadOnly if error.errno in _IS_READ_ONLY else StorageFailed
        raise kind(
            f"{path}: the file cannot be made ({error.strerror})"
            "; repair the permissions of its folder, or choose another"
        ) from error
