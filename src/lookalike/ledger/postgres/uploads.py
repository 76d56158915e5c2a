"""What is done to uploads, and to the jobs about them, within a transaction of the database that both are in."""

from __future__ import annotations

from collections.abc import Collection as Several

from lookalike.jobs.base import JobChanges
from lookalike.jobs.postgres.tables import NOW
from lookalike.ledger.base import KeptReply, Quota, ReplyQuota, Upload, UploadState
from lookalike.ledger.idempotency import ReplyRounds
from lookalike.ledger.postgres.idempotency import Stands, keep
from lookalike.ledger.postgres.rows import key_text, upload_of_row
from lookalike.ledger.quota import check_quota
from lookalike.ledger.refusing import check_state, no_upload, upload_there
from lookalike.ledger.storable import upload_json
from lookalike.storage.postgres.session import Session

_ADD = f"""
    INSERT INTO ours.uploads (id, collection, owner, size_bytes, state, ended, expires_at, record, changed_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, {NOW})
    ON CONFLICT (id) DO NOTHING RETURNING pg_current_xact_id()::text"""
_CHANGE = f"""
    UPDATE ours.uploads SET id = %s, collection = %s, owner = %s, size_bytes = %s, state = %s, ended = %s,
        expires_at = %s, record = %s, changed_at = {NOW}
    WHERE id = %s AND state = ANY(%s::text[]) RETURNING record, pg_current_xact_id()::text"""
_FIND = "SELECT record FROM ours.uploads WHERE id = %s FOR NO KEY UPDATE"
# Whoever adds for the same owner waits: each counts what the other has added.
_TURN_OF_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended('lookalike uploads of ' || %s || ' in ' || %s, 0))"
ROOM_TAKEN = """
    SELECT count(*), coalesce(sum(size_bytes), 0) FROM ours.uploads
    WHERE owner = %s AND state IN ('waiting', 'provisional', 'queued', 'quarantined')"""


class PostgresTransaction:
    """See `lookalike.ledger.base.LedgerTransaction`. What it looks up, nobody else changes until it has ended.

    Args:
        session: in a transaction that waits for others.
        jobs: within the same.
        now: Unix time in seconds; the server's where it is None.
        rounds: of the ledger.
    """

    def __init__(self, session: Session, jobs: JobChanges, now: float | None, rounds: ReplyRounds) -> None:
        self._session = session
        self._jobs = jobs
        self._now = now
        self._rounds = rounds

    @property
    def jobs(self) -> JobChanges:
        """The jobs, within the same transaction."""
        return self._jobs

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `UploadChanges`."""
        values = self._values(upload)
        if quota is not None:
            owner = key_text(upload.owner)
            self._session.rows(_TURN_OF_OWNER, (owner, self._session.schema))
            uploads, size_bytes = self._session.one(ROOM_TAKEN, (owner,))
            check_quota(upload, quota, uploads=int(uploads), size_bytes=int(size_bytes))
        added = self._session.first(_ADD, values)
        if added is None:
            raise upload_there(upload.id)
        self._session.xid = int(added[0])

    def upload(self, upload_id: str) -> Upload:
        """Look one up, for a change: who else does that waits until this has ended."""
        row = self._session.first(_FIND, (key_text(upload_id),))
        if row is None:
            raise no_upload(upload_id)
        return upload_of_row(row)

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
        new = Stands(body_hash, "", expires_at, caller, self._now)
        return keep(self._session, key, reply, new, quota=quota, rounds=self._rounds)

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, if that stands in one of the states given."""
        values = (*self._values(upload), key_text(upload.id), [str(state) for state in only_from])
        while (changed := self._session.first(_CHANGE, values)) is None:
            check_state(upload.id, self.upload(upload.id).state, only_from=only_from)
        record, xid = changed
        self._session.xid = int(xid)
        return upload_of_row((record,))

    def _values(self, upload: Upload) -> tuple[object, ...]:
        return (
            key_text(upload.id),
            key_text(upload.collection),
            key_text(upload.owner),
            upload.size_bytes,
            str(upload.state),
            upload.state.ended,
            upload.expires_at,
            upload_json(upload),
            self._now,
        )
