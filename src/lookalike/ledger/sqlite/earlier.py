"""What earlier versions kept in two files, jobs in one and uploads in another, becomes the one file of now.

All of it is one transaction over the three files (https://www.sqlite.org/atomiccommit.html, 5.0 Multi-file Commit):
whoever is killed in the middle leaves either the two or the one. In the same transaction the two are emptied and closed
for good, so that processes of an earlier version that still run, or are started, lose nothing in them: each of their
statements fails with a text that says why, and none of them acknowledges anything any more.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from lookalike.core.errors import FormatTooNew
from lookalike.ledger.base import Upload, UploadState
from lookalike.ledger.sqlite import tables
from lookalike.ledger.storable import upload_json, upload_of
from lookalike.storage.sqlite.connection import Connection, connect
from lookalike.storage.sqlite.file import SqliteFile
from lookalike.storage.sqlite.pool import make_durable

CLOSED: Final = 1_000
"""The format of an earlier file that is emptied: larger than any, so that earlier versions refuse it as newer."""

_SAYS = "a newer Lookalike keeps this in service.sqlite: restart this process with that version"
_BUSY_WAIT_S = 30.0
_PRAGMAS = ("trusted_schema = OFF", "cell_size_check = ON", "secure_delete = ON")

_log = logging.getLogger(__name__)


class _Earlier(NamedTuple):
    """A file of earlier versions: its name, by which SQL calls it, too, and its formats."""

    name: str
    application_id: int
    migrations: tuple[tuple[str, ...], ...]


_QUEUE = _Earlier(
    "queue",
    0x4C4B5155,
    (
        (
            """
            CREATE TABLE jobs (
                number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT UNIQUE, kind TEXT NOT NULL,
                collection TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
                created_at REAL NOT NULL, updated_at REAL NOT NULL, available_at REAL NOT NULL,
                worker TEXT NOT NULL DEFAULT '', due_at REAL NOT NULL, result TEXT NOT NULL, code TEXT NOT NULL,
                detail TEXT NOT NULL, payload TEXT NOT NULL
            )""",
            """
            CREATE TABLE events (
                seq INTEGER PRIMARY KEY, event TEXT NOT NULL, collection TEXT NOT NULL, job_id TEXT NOT NULL,
                job TEXT NOT NULL
            )""",
        ),
        ("ALTER TABLE jobs ADD COLUMN postponed INTEGER NOT NULL DEFAULT 0",),
    ),
)
_LEDGER = _Earlier(
    "ledger",
    0x4C4B4C47,
    (
        (
            """
            CREATE TABLE uploads (
                number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL, state TEXT NOT NULL,
                ended INTEGER NOT NULL, expires_at REAL NOT NULL, changed_at REAL NOT NULL, record TEXT NOT NULL
            )""",
            """
            CREATE TABLE begun (
                key TEXT NOT NULL PRIMARY KEY, body_hash TEXT NOT NULL, begun_at REAL NOT NULL,
                expires_at REAL NOT NULL, status INTEGER, headers TEXT, body BLOB
            )""",
            """
            CREATE TABLE tickets (
                digest TEXT NOT NULL PRIMARY KEY, principal TEXT NOT NULL, expires_at REAL NOT NULL
            )""",
        ),
        (
            "ALTER TABLE uploads ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE uploads ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0",
            """
            UPDATE uploads
            SET owner = json_extract(record, '$.owner'), size_bytes = json_extract(record, '$.size_bytes')
            WHERE json_valid(record)
                AND json_type(record, '$.owner') = 'text' AND json_type(record, '$.size_bytes') = 'integer'""",
            "ALTER TABLE begun ADD COLUMN holder TEXT NOT NULL DEFAULT ''",
        ),
    ),
)
EARLIER_FILES = tuple(f"{one.name}.sqlite" for one in (_QUEUE, _LEDGER))

_TABLES = {"queue": ("jobs", "events"), "ledger": ("uploads", "begun", "tickets")}
_MOVED = {
    "queue": (
        """
        INSERT INTO main.jobs (number, id, key, kind, collection, owner, state, attempts, postponed, lease, worker,
            due_at, created_at, updated_at, available_at, result, code, detail, payload)
        SELECT number, id, key, kind, collection, owner, state, attempts, postponed, 0, worker, due_at,
            created_at, updated_at, available_at, result, code, detail, payload FROM queue.jobs""",
        "INSERT INTO main.events SELECT seq, event, collection, job_id, job FROM queue.events",
        """
        INSERT INTO main.outbox (job_id, kind, due_at)
        SELECT id, kind, available_at FROM main.jobs WHERE state = 'queued' ORDER BY number""",
    ),
    "ledger": (
        """
        INSERT INTO main.uploads (number, id, collection, owner, size_bytes, state, ended, expires_at, changed_at,
            record)
        SELECT number, id, collection, owner, size_bytes, state, ended, expires_at, changed_at, record
        FROM ledger.uploads""",
        """
        INSERT INTO main.begun (key, body_hash, holder, begun_at, expires_at, status, headers, body)
        SELECT key, body_hash, holder, begun_at, expires_at, status, headers, body FROM ledger.begun""",
        "INSERT INTO main.tickets SELECT digest, principal, expires_at FROM ledger.tickets",
    ),
}
_CUT_OFF = """
    SELECT uploads.id, uploads.record, jobs.id AS job_id, jobs.payload FROM uploads JOIN jobs ON jobs.key = uploads.id
    WHERE uploads.state = 'waiting' AND jobs.state IN ('queued', 'running', 'failed')"""


def take_over_earlier(path: Path) -> None:
    """Make the file of now, where earlier versions have left theirs beside it; nothing where there are none.

    Args:
        path: of an empty file.
    Raises:
        sqlite3.Error: when the disk fails, or others use the files for too long; all is as before then.
        StorageFailed, FormatTooNew: when a file is not what it should be; likewise.
    """
    found = [one for one in (_QUEUE, _LEDGER) if _is_there(_place(one, path)) and _bring_up_to_date(one, path)]
    if not found:
        return
    with closing(connect(path, busy_wait_s=_BUSY_WAIT_S, pragmas=map("PRAGMA {}".format, _PRAGMAS))) as connection:
        for one in found:
            connection.execute(f"ATTACH ? AS {one.name}", (f"{_place(one, path).absolute().as_uri()}?mode=rw",))
        for name in ("main", *(one.name for one in found)):
            make_durable(connection, name)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA main.user_version").fetchone()[0]:  # another process was quicker
                connection.undo()
                return
            _move(connection, found)
            connection.execute("COMMIT")
        except BaseException:
            connection.undo()
            raise
        _log.info(
            "%s: made of what earlier versions kept in %s", path, " and ".join(f"{one.name}.sqlite" for one in found)
        )
        for one in found:
            with suppress(sqlite3.Error):  # only their size is at stake
                connection.execute(f"VACUUM {one.name}")


def _move(connection: Connection, found: list[_Earlier]) -> None:
    for statements in tables.MIGRATIONS[:1]:
        for statement in statements:
            connection.execute(statement)
    for one in found:
        for statement in _MOVED[one.name]:
            connection.execute(statement)
        _close_for_good(connection, one.name)
    for upload_id, upload in _cut_off(connection):
        connection.execute(
            "UPDATE uploads SET state = ?, record = ? WHERE id = ?", (upload.state, upload_json(upload), upload_id)
        )
    connection.execute(f"PRAGMA main.application_id = {tables.APPLICATION_ID}")
    connection.execute("PRAGMA main.user_version = 1")


def _cut_off(connection: Connection) -> Iterator[tuple[str, Upload]]:
    """Uploads whose job had been put in when what followed was cut off, which was done step by step then."""
    for row in connection.execute(_CUT_OFF).fetchall():
        upload_id, record, job_id, payload_text = row
        try:
            upload = upload_of(record)
            payload: Mapping[str, object] = json.loads(payload_text)
            completion, metadata = payload["completion"], payload["metadata"]
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # damaged: it is told when it is asked for
        if isinstance(completion, str) and isinstance(metadata, dict):
            yield (
                upload_id,
                replace(
                    upload,
                    state=UploadState.QUEUED,
                    completion=completion,
                    metadata=metadata,
                    image_id=upload.sha256,
                    job_id=job_id,
                ),
            )


def _close_for_good(connection: Connection, name: str) -> None:
    """Empty a file, and have whatever asks it for its tables be told why there are none."""
    for table in _TABLES[name]:
        connection.execute(f"DROP TABLE {name}.{table}")
        connection.execute(f'CREATE VIEW {name}.{table} AS SELECT * FROM "{_SAYS}"')  # noqa: S608 - words of ours
    connection.execute(f"PRAGMA {name}.user_version = {CLOSED}")


def _bring_up_to_date(one: _Earlier, path: Path) -> bool:
    """Bring a file to its last format; False where another process has just closed it for good."""
    try:
        SqliteFile(
            _place(one, path),
            what=one.name,
            application_id=one.application_id,
            migrations=one.migrations,
            busy_wait_s=_BUSY_WAIT_S,
        ).close()
    except FormatTooNew:
        if _is_there(_place(one, path)):
            raise
        return False
    return True


def _is_there(path: Path) -> bool:
    """Whether there is such a file that is not closed for good."""
    if not path.is_file():
        return False
    with closing(connect(path, busy_wait_s=_BUSY_WAIT_S, pragmas=())) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(found != CLOSED)


def _place(one: _Earlier, path: Path) -> Path:
    return path.with_name(f"{one.name}.sqlite")
