"""SQLite's errors as ours, for the files that several processes write; the catalog says some of them in other words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.core.errors import BadInput, Locked, LookalikeError, ReadOnly, StorageFailed

_CANNOT_OPEN = "the file cannot be opened: check that it is a file, and its permissions"
_DISK_FULL = "the disk is full (or a quota is used up): nothing of this change was kept; make room and try again"
_DAMAGED = (
    "the file is damaged or not one of Lookalike's, and cannot be read: move it away, and a new one is made, or "
    "restore it from a copy"
)
_BUSY = "the file cannot be written while other processes write to it: try again later"
_READ_ONLY = "the file or its folder cannot be written: repair its permissions, or mount its disk for writing"
_FAILED = (
    "the disk could not read or write, or not as much, and nothing of this change was kept: look whether it is "
    "full, has a "
    "limit on the size of a file, or is broken"
)

BY_CODE: dict[int, tuple[type[LookalikeError], str]] = {
    sqlite3.SQLITE_FULL: (StorageFailed, _DISK_FULL),
    sqlite3.SQLITE_IOERR: (StorageFailed, _FAILED),
    sqlite3.SQLITE_NOMEM: (
        StorageFailed,
        "there is no memory left for it: close other programs, or ask for less at once",
    ),
    sqlite3.SQLITE_NOLFS: (StorageFailed, "the file system does not take files that large: move it to one that does"),
    sqlite3.SQLITE_PROTOCOL: (StorageFailed, "the file system does not lock files properly: move it to a local disk"),
    sqlite3.SQLITE_CANTOPEN: (StorageFailed, _CANNOT_OPEN),
    sqlite3.SQLITE_PERM: (StorageFailed, _CANNOT_OPEN),
    sqlite3.SQLITE_AUTH: (StorageFailed, _CANNOT_OPEN),
    sqlite3.SQLITE_READONLY: (ReadOnly, _READ_ONLY),
    sqlite3.SQLITE_BUSY: (Locked, _BUSY),
    sqlite3.SQLITE_LOCKED: (Locked, _BUSY),
    sqlite3.SQLITE_TOOBIG: (BadInput, "a text is larger than the most that may be stored in one field: shorten it"),
}


class DamagedRow(sqlite3.DatabaseError):
    """A row that is not as we leave it; it is told as damage like what SQLite itself finds."""


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Raise our errors in the place of SQLite's.

    Raises:
        StorageFailed: when the disk fails or is full, or the file is damaged, something else, or closed.
        Locked: when other processes keep it too long.
        ReadOnly: when it cannot be written.
    """
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise StorageFailed(
            f"{path}: expected an open file, but it is closed ({error}); open the collection or service again"
        ) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        kind, what = BY_CODE.get(code & 0xFF, (StorageFailed, _DAMAGED))
        raise kind(f"{path}: {what} ({error})") from error
    except UnicodeDecodeError as error:  # a message of SQLite that quotes damaged names
        raise StorageFailed(f"{path}: {_DAMAGED}") from error


@contextmanager
def decoding() -> Iterator[None]:
    """Tell a row that cannot be understood as damage."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DamagedRow(f"a row cannot be understood: {type(error).__name__}") from error
