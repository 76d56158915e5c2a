"""The ledger that keeps everything in one SQLite file, shared by several processes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from collections.abc import Collection as Several
from dataclasses import replace
from pathlib import Path

from lookalike.core.errors import Conflict, NotFound
from lookalike.ledger.base import KeptReply, Quota, Upload, UploadState
from lookalike.ledger.idempotency import reply_again
from lookalike.ledger.quota import check_quota
from lookalike.ledger.sqlite import tables
from lookalike.ledger.storable import KEPT_ENDED_S, KEPT_QUARANTINED_S, headers_json, storable_key, upload_json
from lookalike.storage.sqlite.errors import decoding
from lookalike.storage.sqlite.file import SqliteFile

_ADD_UPLOAD = """
    INSERT INTO uploads (id, collection, owner, size_bytes, state, ended, expires_at, changed_at, record)
    VALUES (:id, :collection, :owner, :size_bytes, :state, :ended, :expires_at, :changed_at, :record)
    ON CONFLICT (id) DO NOTHING"""
_CHANGE_UPLOAD = """
    UPDATE uploads SET collection = :collection, owner = :owner, size_bytes = :size_bytes, state = :state,
        ended = :ended, expires_at = :expires_at,
        changed_at = :changed_at, record = :record
    WHERE id = :id"""
_UPLOADS = """
    SELECT record FROM uploads WHERE collection = :collection AND (:state IS NULL OR state = :state)
    ORDER BY number DESC LIMIT :limit"""
_EXPIRED = "SELECT record FROM uploads WHERE state = 'waiting' AND expires_at <= ? ORDER BY number LIMIT ?"
_HELD = """
    SELECT count(*) AS uploads, coalesce(sum(size_bytes), 0) AS size_bytes FROM uploads
    WHERE owner = ? AND state IN ('waiting', 'provisional', 'queued', 'quarantined')"""
_HOLDING = """
    SELECT record FROM uploads
    WHERE collection = ? AND state IN ('waiting', 'provisional', 'queued', 'quarantined')"""
_ONE_OF_EACH_HOLDING = """
    SELECT record FROM uploads WHERE number IN (
        SELECT min(number) FROM uploads
        WHERE state IN ('waiting', 'provisional', 'queued', 'quarantined') GROUP BY collection)"""
_BEGIN = "INSERT OR REPLACE INTO begun (key, body_hash, holder, begun_at, expires_at) VALUES (?, ?, ?, ?, ?)"
_RENEW = "UPDATE begun SET begun_at = ? WHERE key = ? AND holder = ? AND status IS NULL"
_FINISH = "UPDATE begun SET status = ?, headers = ?, body = ? WHERE key = ? AND holder = ? AND status IS NULL"
_ABANDON = "DELETE FROM begun WHERE key = ? AND holder = ? AND status IS NULL"
_SWEEP_UPLOADS = "DELETE FROM uploads WHERE ended AND changed_at < ? AND (state != 'quarantined' OR changed_at < ?)"
_PUT_TICKET = "INSERT OR REPLACE INTO tickets (digest, principal, expires_at) VALUES (?, ?, ?)"


class SqliteLedger:
    """See `lookalike.ledger.base.Ledger`. What is decided by what is there is decided under the file's write lock.

    Args:
        path: of the file; made where there is none.
        clock: Unix time in seconds; says when an upload ended.
        starts_anyway: as of `lookalike.storage.sqlite.file.SqliteFile`.
    Raises:
        FormatTooNew: when a newer version wrote the file.
        StorageFailed: when the file is something else, broken, or cannot be made; so does every method.
        ReadOnly, Locked: when it cannot be written, or other processes keep it for too long; so does every method.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, starts_anyway: bool = False) -> None:
        self._clock = clock
        self._file = SqliteFile(
            path,
            what="ledger",
            application_id=tables.APPLICATION_ID,
            migrations=tables.MIGRATIONS,
            starts_anyway=starts_anyway,
        )

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `Ledger`."""
        row = self._row(upload)
        with self._file.writing() as connection:
            if quota is not None:
                held = connection.execute(_HELD, (row["owner"],)).fetchone()
                check_quota(upload, quota, uploads=held["uploads"], size_bytes=held["size_bytes"])
            if connection.execute(_ADD_UPLOAD, row).rowcount == 0:
                raise Conflict(f"there is an upload {upload.id!r} already")

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        with self._file.reading() as connection:
            return _known(connection, upload_id)

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step, if that stands in one of the states given."""
        row = self._row(upload)
        with self._file.writing() as connection:
            state = _known(connection, upload.id).state
            if state not in only_from:
                raise Conflict(f"the upload {upload.id!r} is {state} already", code="upload_state")
            connection.execute(_CHANGE_UPLOAD, row)
            return _known(connection, upload.id)

    def uploads(self, collection: str, *, state: UploadState | None = None, limit: int = 200) -> list[Upload]:
        """The newest uploads of a collection first."""
        asked = {"collection": storable_key(collection), "state": state, "limit": max(0, limit)}
        with self._file.reading() as connection:
            return [tables.upload_of_row(row) for row in connection.execute(_UPLOADS, asked)]

    def expired_uploads(self, now: float, *, limit: int = 200) -> list[Upload]:
        """Uploads that still wait though their time is over, oldest first."""
        with self._file.reading() as connection:
            return [tables.upload_of_row(row) for row in connection.execute(_EXPIRED, (now, max(0, limit)))]

    def holding(self) -> list[str]:
        """Names of collections of which uploads hold something, sorted."""
        with self._file.reading() as connection:
            return sorted({tables.upload_of_row(row).collection for row in connection.execute(_ONE_OF_EACH_HOLDING)})

    def end_uploads(self, collection: str, *, created_before: float, code: str, detail: str) -> int:
        """Say of the uploads of a collection that is gone that nothing comes of them; see `Ledger`."""
        with self._file.writing() as connection:
            rows = connection.execute(_HOLDING, (storable_key(collection),)).fetchall()
            held = [one for one in map(tables.upload_of_row, rows) if one.created_at < created_before]
            for one in held:
                failed = replace(one, state=UploadState.FAILED, code=code, detail=detail)
                connection.execute(_CHANGE_UPLOAD, self._row(failed))
            return len(held)

    def begin(self, key: str, *, body_hash: str, holder: str, now: float, expires_at: float) -> KeptReply | None:
        """Begin what an idempotency key stands for, or give the reply that was given; see `Ledger`."""
        key = storable_key(key)
        with self._file.writing() as connection:
            row = connection.execute("SELECT * FROM begun WHERE key = ?", (key,)).fetchone()
            begun = None if row is None else tables.begun_of_row(row)
            reply = reply_again(begun, body_hash=body_hash, now=now)
            if reply is None:
                connection.execute(_BEGIN, (key, body_hash, holder, now, expires_at))
        return reply

    def renew(self, key: str, *, holder: str, now: float) -> None:
        """Say that what was begun goes on; see `Ledger`."""
        with self._file.writing() as connection:
            connection.execute(_RENEW, (now, storable_key(key), holder))

    def finish(self, key: str, reply: KeptReply, *, holder: str) -> None:
        """Keep the reply of what was begun."""
        row = (reply.status, headers_json(reply.headers), reply.body, storable_key(key), holder)
        with self._file.writing() as connection:
            connection.execute(_FINISH, row)

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what was begun, so that it may be tried again. Idempotent."""
        with self._file.writing() as connection:
            connection.execute(_ABANDON, (storable_key(key), holder))

    def put_ticket(self, digest: str, *, principal: str, expires_at: float) -> None:
        """Keep a ticket: only its SHA-256, and for whom it stands (JSON)."""
        with self._file.writing() as connection:
            connection.execute(_PUT_TICKET, (storable_key(digest), principal, expires_at))

    def take_ticket(self, digest: str, *, now: float) -> str | None:
        """Use a ticket up; None where there is none, or its time is over."""
        digest = storable_key(digest)
        with self._file.writing() as connection, decoding():
            ticket = connection.execute("SELECT * FROM tickets WHERE digest = ?", (digest,)).fetchone()
            if ticket is None:
                return None
            connection.execute("DELETE FROM tickets WHERE digest = ?", (digest,))
            return str(ticket["principal"]) if now < ticket["expires_at"] else None

    def sweep(self, now: float) -> None:
        """Delete what has expired; see `Ledger`."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM begun WHERE expires_at <= ?", (now,))
            connection.execute("DELETE FROM tickets WHERE expires_at <= ?", (now,))
            connection.execute(_SWEEP_UPLOADS, (now - KEPT_ENDED_S, now - KEPT_QUARANTINED_S))

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._file.close()

    def _row(self, upload: Upload) -> dict[str, object]:
        return {
            "id": storable_key(upload.id),
            "collection": storable_key(upload.collection),
            "owner": storable_key(upload.owner),
            "size_bytes": upload.size_bytes,
            "state": upload.state,
            "ended": upload.state.ended,
            "expires_at": upload.expires_at,
            "changed_at": self._clock(),
            "record": upload_json(upload),
        }


def _known(connection: sqlite3.Connection, upload_id: str) -> Upload:
    row = connection.execute("SELECT record FROM uploads WHERE id = ?", (storable_key(upload_id),)).fetchone()
    if row is None:
        raise NotFound(f"there is no upload {upload_id!r} (any more)")
    return tables.upload_of_row(row)
