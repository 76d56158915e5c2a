"""The change feed as the tables have it: `images.seq` and `images.vector_seq`; see `lookalike.catalog.numbered_feed`.

Commits come one after the other, so their numbers do, too: none is ever committed behind a larger one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from lookalike.catalog.numbered_feed import ALL_KINDS, Entry, Place, check_limit, page_of, place_of, unknown
from lookalike.catalog.sqlite.reading import lineage, lineage_setting, number_of_setting, number_setting
from lookalike.core.records import ChangeKind, ChangePage, Cursor, numbered_cursor
from lookalike.storage.sqlite.errors import DamagedRow

# The newest word of the history is that of the last change.
_NEWEST = f"""
    SELECT (SELECT value FROM settings WHERE name = 'last_seq'), (
        SELECT value FROM settings WHERE name BETWEEN '{lineage_setting(1)}' AND '{lineage_setting(10**20 - 1)}'
        ORDER BY name DESC LIMIT 1)"""

_BY_VECTOR = "SELECT vector_seq AS place, key, removed, 'vector' AS kind FROM images WHERE vector_seq > :since"
_BY_ANYTHING = "SELECT seq AS place, key, removed, 'metadata' AS kind FROM images WHERE seq > :since AND NOT removed"


def newest(connection: sqlite3.Connection) -> Cursor:
    """The place after the last change."""
    last_seq, word = connection.execute(_NEWEST).fetchone()
    return numbered_cursor(number_of_setting("last_seq", last_seq or "0"), str(word or ""))


def follows(connection: sqlite3.Connection, cursor: Cursor) -> bool:
    """Whether a place is of this history."""
    place = place_of(cursor)
    return place is not None and _is_known(connection, place)


def changes(
    connection: sqlite3.Connection, since: Cursor, kinds: Collection[ChangeKind] | None, limit: int
) -> ChangePage:
    """A page of the changes after a place.

    Raises:
        CursorUnknown: when the place is not of this history.
        BadInput: when `limit` is less than 1.
    """
    check_limit(limit)
    place = place_of(since)
    if place is None or not _is_known(connection, place):
        raise unknown(since)
    statement = _statement(ALL_KINDS if kinds is None else frozenset(kinds))
    rows = connection.execute(statement, {"since": place.seq, "most": limit + 1}) if statement else []
    return page_of(
        [_entry(*row) for row in rows],
        limit=limit,
        end=newest(connection),
        cursor_at=lambda seq: numbered_cursor(seq, lineage(connection, seq)),
    )


def _is_known(connection: sqlite3.Connection, place: Place) -> bool:
    if place.seq == 0:
        return True
    return place.seq <= number_setting(connection, "last_seq") and lineage(connection, place.seq) == place.history


def _statement(kinds: frozenset[ChangeKind]) -> str:
    """Each part is in order by its own index, so that no more is read than a page takes."""
    parts = []
    if kinds >= {ChangeKind.VECTOR, ChangeKind.REMOVED}:
        parts.append(_BY_VECTOR)
    elif kinds & {ChangeKind.VECTOR, ChangeKind.REMOVED}:
        parts.append(f"{_BY_VECTOR} AND {'NOT' if ChangeKind.VECTOR in kinds else ''} removed")
    if ChangeKind.METADATA in kinds:
        parts.append(f"{_BY_ANYTHING} AND seq > vector_seq" if ChangeKind.VECTOR in kinds else _BY_ANYTHING)
    return f"{' UNION ALL '.join(parts)} ORDER BY place LIMIT :most" if parts else ""


def _entry(place: object, key: object, removed: object, kind: str) -> Entry[int]:
    if not isinstance(place, int) or not isinstance(key, int):
        raise DamagedRow("a change should have a whole number, but has not")
    return Entry(place, key, ChangeKind.REMOVED if removed else ChangeKind(kind))
