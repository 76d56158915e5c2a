"""What is done to uploads, and to the jobs about them, within a transaction of the file that both are in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from collections.abc import Collection as Several

from lookalike.jobs.base import JobChanges
from lookalike.jobs.changes import Terms
from lookalike.jobs.sqlite import changes_within
from lookalike.ledger.base import KeptReply, Quota, ReplyQuota, Upload, UploadState
from lookalike.ledger.idempotency import Begun, ReplyRounds
from lookalike.ledger.quota import check_quota
from lookalike.ledger.refusing import check_state, no_upload, upload_there
from lookalike.ledger.sqlite import tables
from lookalike.ledger.sqlite.idempotency import begin, finish
from lookalike.ledger.storable import storable_key, upload_json

_ADD = """
    INSERT INTO uploads (id, collection, owner, size_bytes, state, ended, expires_at, changed_at, record)
    VALUES (:id, :collection, :owner, :size_bytes, :state, :ended, :expires_at, :changed_at, :record)
    ON CONFLICT (id) DO NOTHING"""
_CHANGE = """
    UPDATE uploads SET collection = :collection, owner = :owner, size_bytes = :size_bytes, state = :state,
        ended = :ended, expires_at = :expires_at, changed_at = :changed_at, record = :record
    WHERE id = :id"""
_ROOM_TAKEN = """
    SELECT count(*) AS uploads, coalesce(sum(size_bytes), 0) AS size_bytes FROM uploads
    WHERE owner = ? AND state IN ('waiting', 'provisional', 'queued', 'quarantined')"""


class SqliteTransaction:
    """See `lookalike.ledger.base.LedgerTransaction`.

    Args:
        connection: in a transaction that writes, and that no other runs beside.
        terms: of the engine.
        clock: Unix time in seconds, the same for all processes.
        rounds: of the ledger.
    """

    def __init__(
        self, connection: sqlite3.Connection, terms: Terms, clock: Callable[[], float], rounds: ReplyRounds
    ) -> None:
        self._connection = connection
        self._terms = terms
        self._clock = clock
        self._rounds = rounds

    @property
    def jobs(self) -> JobChanges:
        """The jobs, within the same transaction."""
        return changes_within(self._connection, self._terms, self._clock)

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `UploadChanges`."""
        row = self._row(upload)
        if quota is not None:
            taken = self._connection.execute(_ROOM_TAKEN, (row["owner"],)).fetchone()
            check_quota(upload, quota, uploads=taken["uploads"], size_bytes=taken["size_bytes"])
        if self._connection.execute(_ADD, row).rowcount == 0:
            raise upload_there(upload.id)

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        return known_upload(self._connection, upload_id)

    def keep_reply(
        self,
        key: str,
        reply: KeptReply,
        *,
        caller: str,
        body_hash: str,
        expires_at: float,
        quota: ReplyQuota | None = None,
    ) -> KeptReply | None:
        """Keep the reply to all that this transaction does; see `LedgerTransaction`."""
        new = Begun(body_hash, "", self._clock(), expires_at, caller=caller)
        before = begin(self._connection, key, new)
        if before is None:
            finish(self._connection, key, reply, holder="", quota=quota, rounds=self._rounds)
        return before

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, if that stands in one of the states given."""
        row = self._row(upload)
        check_state(upload.id, self.upload(upload.id).state, only_from=only_from)
        self._connection.execute(_CHANGE, row)
        return self.upload(upload.id)

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


def known_upload(connection: sqlite3.Connection, upload_id: str) -> Upload:
    """An upload, looked up.

    Raises:
        NotFound: when there is none (any more).
    """
    row = connection.execute("SELECT record FROM uploads WHERE id = ?", (storable_key(upload_id),)).fetchone()
    if row is None:
        raise no_upload(upload_id)
    return tables.upload_of_row(row)
