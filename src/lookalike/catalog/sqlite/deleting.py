"""Marks of kept bytes that are being deleted: settings that are named for the bytes and hold the end of their time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from lookalike.catalog.sqlite.reading import AMONG
from lookalike.storage.sqlite.errors import DamagedRow

_FIRST, _LAST = "deleting ", "deleting ~"


def name_of(object_id: str) -> str:
    """The name of the setting that marks these bytes."""
    return _FIRST + object_id


def among(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, float]:
    """Those of these bytes that are marked, and until when, in Unix time in seconds."""
    names = json.dumps([name_of(one) for one in ids])
    rows = connection.execute(f"SELECT name, value FROM settings WHERE name {AMONG}", (names,))
    return {name.removeprefix(_FIRST): _time(value) for name, value in rows.fetchall()}


def drop_stale(connection: sqlite3.Connection, before: float) -> None:
    """Drop marks whose time was over before that time."""
    rows = connection.execute("SELECT name, value FROM settings WHERE name BETWEEN ? AND ?", (_FIRST, _LAST))
    stale = [(name,) for name, value in rows.fetchall() if _time(value) < before]
    connection.executemany("DELETE FROM settings WHERE name = ?", stale)


def _time(value: object) -> float:
    try:
        return float(str(value))
    except ValueError as error:
        raise DamagedRow(f"a mark of bytes that are being deleted should be a time, but is {value!r:.40}") from error
