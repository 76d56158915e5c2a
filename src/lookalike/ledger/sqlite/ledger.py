"""The ledger that keeps everything, jobs too, in one SQLite file, shared by several processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Collection as Several
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lookalike.jobs.changes import Terms
from lookalike.jobs.sqlite import SqliteJobs
from lookalike.ledger.base import KeptReply, Quota, ReplyQuota, Upload, UploadState
from lookalike.ledger.idempotency import Begun, ReplyRounds
from lookalike.ledger.sqlite import tables
from lookalike.ledger.sqlite.earlier import take_over_earlier
from lookalike.ledger.sqlite.idempotency import abandon, begin, finish, renew
from lookalike.ledger.sqlite.uploads import SqliteTransaction, known_upload
from lookalike.ledger.storable import KEPT_ENDED_S, KEPT_QUARANTINED_S, storable_key
from lookalike.storage.sqlite.errors import decoding
from lookalike.storage.sqlite.file import SqliteFile

_UPLOADS = """
    SELECT record FROM uploads WHERE collection = :collection AND (:state IS NULL OR state = :state)
    ORDER BY number DESC LIMIT :limit"""
_EXPIRED = "SELECT record FROM uploads WHERE state = 'waiting' AND expires_at <= ? ORDER BY number LIMIT ?"
_HOLDING = """
    SELECT record FROM uploads
    WHERE collection = ? AND state IN ('waiting', 'provisional', 'queued', 'quarantined')"""
_ONE_OF_EACH_HOLDING = """
    SELECT record FROM uploads WHERE number IN (
        SELECT min(number) FROM uploads
        WHERE state IN ('waiting', 'provisional', 'queued', 'quarantined') GROUP BY collection)"""
_SWEEP_UPLOADS = "DELETE FROM uploads WHERE ended AND changed_at < ? AND (state != 'quarantined' OR changed_at < ?)"
_PUT_TICKET = "INSERT OR REPLACE INTO tickets (digest, principal, expires_at) VALUES (?, ?, ?)"


class SqliteLedger:
    """See `lookalike.ledger.base.Ledger`. What is decided by what is there is decided under the file's write lock.

    Args:
        path: of the file; made where there is none, out of what earlier versions have left beside it
            (`lookalike.ledger.sqlite.earlier`).
        clock: Unix time in seconds, the same for all processes.
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
        starts_anyway: as of `lookalike.storage.sqlite.file.SqliteFile`.
    Raises:
        FormatTooNew: when a newer version wrote the file.
        StorageFailed: when the file is something else, broken, or cannot be made; so does every method.
        ReadOnly, Locked: when it cannot be written, or other processes keep it for too long; so does every method.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        max_attempts: int = 5,
        max_queued: int = 100_000,
        starts_anyway: bool = False,
    ) -> None:
        self._terms = Terms(max_attempts, max_queued)
        self._clock = clock
        self._file = SqliteFile(
            path,
            what="ledger",
            application_id=tables.APPLICATION_ID,
            migrations=tables.MIGRATIONS,
            starts_anyway=starts_anyway,
            take_over=take_over_earlier,
        )
        self._jobs = SqliteJobs(self._file, self._terms, clock)
        self._rounds = ReplyRounds()

    @property
    def jobs(self) -> SqliteJobs:
        """The jobs that are kept with it."""
        return self._jobs

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        """Uploads and jobs change together; see `Ledger`. No other transaction runs beside it, in any process."""
        with self._file.writing() as connection:
            yield SqliteTransaction(connection, self._terms, self._clock, self._rounds)

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `UploadChanges`."""
        with self.transaction() as transaction:
            transaction.add_upload(upload, quota=quota)

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        with self._file.reading() as connection:
            return known_upload(connection, upload_id)

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step; see `UploadChanges`."""
        with self.transaction() as transaction:
            return transaction.advance_upload(upload, only_from=only_from)

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
            transaction = SqliteTransaction(connection, self._terms, self._clock, self._rounds)
            rows = connection.execute(_HOLDING, (storable_key(collection),)).fetchall()
            ended = [one for one in map(tables.upload_of_row, rows) if one.created_at < created_before]
            for one in ended:
                failed = replace(one, state=UploadState.FAILED, code=code, detail=detail)
                transaction.advance_upload(failed, only_from=(one.state,))
            return len(ended)

    def begin(
        self, key: str, *, caller: str, body_hash: str, holder: str, expires_at: float, now: float | None = None
    ) -> KeptReply | None:
        """Begin what an idempotency key stands for, or give the reply that was given; see `Ledger`."""
        with self._file.writing() as connection:
            now = self._clock() if now is None else now
            return begin(connection, key, Begun(body_hash, holder, now, expires_at, caller=caller))

    def renew(self, key: str, *, holder: str, now: float | None = None) -> None:
        """Say that what was begun goes on; see `Ledger`."""
        with self._file.writing() as connection:
            renew(connection, key, holder=holder, now=self._clock() if now is None else now)

    def finish(self, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None = None) -> None:
        """Keep the reply of what was begun; see `Ledger`."""
        with self._file.writing() as connection:
            finish(connection, key, reply, holder=holder, quota=quota, rounds=self._rounds)

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what was begun, so that it may be tried again. Idempotent."""
        with self._file.writing() as connection:
            abandon(connection, key, holder=holder)

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
