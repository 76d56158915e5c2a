"""The tables of the file, and its rows as records."""

from __future__ import annotations

import json
import sqlite3

from lookalike.jobs.sqlite import tables as jobs
from lookalike.ledger.base import KeptReply, Upload
from lookalike.ledger.idempotency import Begun
from lookalike.ledger.storable import upload_of
from lookalike.storage.sqlite.errors import decoding

APPLICATION_ID = 0x4C4B5356

# An upload's number grows with its age. Its columns are what is asked for; `record` is the whole of it.
_FIRST = (
    *jobs.TABLES,
    """
    CREATE TABLE uploads (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        collection TEXT NOT NULL,
        owner TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        state TEXT NOT NULL,
        ended INTEGER NOT NULL,
        expires_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX uploads_of ON uploads (collection)",
    "CREATE INDEX uploads_waiting ON uploads (expires_at) WHERE state = 'waiting'",
    """
    CREATE INDEX uploads_holding ON uploads (owner, size_bytes)
    WHERE state IN ('waiting', 'provisional', 'queued', 'quarantined')""",
    """
    CREATE TABLE begun (
        key TEXT NOT NULL PRIMARY KEY,
        body_hash TEXT NOT NULL,
        holder TEXT NOT NULL,
        begun_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        status INTEGER,
        headers TEXT,
        body BLOB
    )""",
    "CREATE INDEX begun_expiring ON begun (expires_at)",
    """
    CREATE TABLE tickets (
        digest TEXT NOT NULL PRIMARY KEY,
        principal TEXT NOT NULL,
        expires_at REAL NOT NULL
    )""",
)

# Replies count by caller; those that were kept before count by nobody, and end within a day.
_CALLERS = (
    "ALTER TABLE begun ADD COLUMN caller TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE begun ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX begun_by ON begun (caller, begun_at, key, size_bytes, status) WHERE status IS NOT NULL",
)

MIGRATIONS = (_FIRST, _CALLERS)


def upload_of_row(row: sqlite3.Row) -> Upload:
    """A row of `uploads` as an upload.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        return upload_of(row["record"])


def begun_of_row(row: sqlite3.Row) -> Begun:
    """A row of `begun` as what it stands for.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        reply = None
        if row["status"] is not None:
            headers = {str(name): str(value) for name, value in json.loads(row["headers"]).items()}
            reply = KeptReply(int(row["status"]), headers, _bytes(row["body"]))
        return Begun(str(row["body_hash"]), str(row["holder"]), float(row["begun_at"]), float(row["expires_at"]), reply)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("expected bytes")
    return value
