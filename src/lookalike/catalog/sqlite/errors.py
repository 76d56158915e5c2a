"""SQLite's errors as ours, in the words of the catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.core.errors import BadInput, CatalogDamaged, CollectionError, Locked, LookalikeError, ReadOnly
from lookalike.storage.sqlite.errors import BY_CODE, DamagedRow

_DAMAGED = (
    "the file is damaged or not a Lookalike catalog, and cannot be read: run `lookalike doctor`, or restore it "
    "from a copy"
)
_BUSY = "the file cannot be written while another program has it open for writing: close it, or try again later"
_HOT_JOURNAL = (
    "the last write was cut off and must be undone first: open it once where the file and its folder can be written"
)

_BY_CODE: dict[int, tuple[type[LookalikeError], str]] = BY_CODE | {
    sqlite3.SQLITE_READONLY_ROLLBACK: (ReadOnly, _HOT_JOURNAL),
    sqlite3.SQLITE_BUSY: (Locked, _BUSY),
    sqlite3.SQLITE_LOCKED: (Locked, _BUSY),
    sqlite3.SQLITE_TOOBIG: (
        BadInput,
        "a text or vector is larger than the most that may be stored in one field: shorten it",
    ),
}


def translate(error: sqlite3.Error, path: Path) -> LookalikeError:
    """Our error for one of SQLite's; what is not known there means that the file is not as we left it."""
    if isinstance(error, sqlite3.ProgrammingError):
        return CollectionError(f"{path}: expected an open catalog, got one that was closed ({error}): open it again")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    kind, what = _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF) or (CatalogDamaged, _DAMAGED)
    return kind(f"{path}: {what} ({error})")


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Raise our errors in the place of SQLite's."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error


@contextmanager
def decoding() -> Iterator[None]:
    """Tell a message of SQLite that is no text, because it quotes damaged names, as damage."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DamagedRow("the names of tables or columns are no text") from error
