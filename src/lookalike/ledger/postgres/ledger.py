"""The ledger that keeps everything, jobs too, in a PostgreSQL database, shared by processes on many machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Collection as Several
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from lookalike.core.errors import ServiceDown
from lookalike.jobs.changes import Terms
from lookalike.jobs.postgres import SCHEMA, PostgresJobs
from lookalike.jobs.postgres.notices import Waiting
from lookalike.ledger.base import KeptReply, Quota, ReplyQuota, Upload, UploadState
from lookalike.ledger.idempotency import ReplyRounds
from lookalike.ledger.postgres.idempotency import Stands, abandon, begin, finish, renew
from lookalike.ledger.postgres.rows import key_text, upload_of_row
from lookalike.ledger.postgres.uploads import PostgresTransaction
from lookalike.ledger.refusing import no_upload
from lookalike.ledger.storable import KEPT_ENDED_S, KEPT_QUARANTINED_S
from lookalike.storage.postgres.migrations import Schema, load_migrations
from lookalike.storage.postgres.pool import MOST, Pool
from lookalike.storage.postgres.session import Session
from lookalike.storage.postgres.tables import Tables

MIGRATIONS = "lookalike.ledger.postgres.migrations"
TABLES = Schema(SCHEMA, MIGRATIONS, "ledger")
"""Where no other schema is said."""

_UPLOAD = "SELECT record FROM ours.uploads WHERE id = %s"
UPLOADS = "SELECT record FROM ours.uploads WHERE collection = %s ORDER BY number DESC LIMIT %s"
UPLOADS_IN_STATE = """
    SELECT record FROM ours.uploads WHERE collection = %s AND state = %s ORDER BY number DESC LIMIT %s"""
EXPIRED = """
    SELECT record FROM ours.uploads WHERE state = 'waiting' AND expires_at <= %s ORDER BY number LIMIT %s"""
_TAKING_ROOM = "state IN ('waiting', 'provisional', 'queued', 'quarantined')"
_TO_END = f"SELECT record FROM ours.uploads WHERE collection = %s AND {_TAKING_ROOM} ORDER BY id FOR NO KEY UPDATE"
_ONE_OF_EACH = f"SELECT DISTINCT ON (collection) record FROM ours.uploads WHERE {_TAKING_ROOM} ORDER BY collection"
_SWEEP_UPLOADS = """
    DELETE FROM ours.uploads WHERE ended AND changed_at < %s AND (state <> 'quarantined' OR changed_at < %s)"""
_PUT_TICKET = """
    INSERT INTO ours.tickets (digest, principal, expires_at) VALUES (%s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET principal = excluded.principal, expires_at = excluded.expires_at"""
_TAKE_TICKET = "DELETE FROM ours.tickets WHERE digest = %s RETURNING principal, expires_at"

T = TypeVar("T")


class PostgresLedger:
    """See `lookalike.ledger.base.Ledger`. What is decided by what is there is decided while its rows are locked.

    Args:
        url: of the database, `postgresql://user:secret@host:port/name`.
        schema: in which the tables are; made where there is none when they are first used.
        clock: Unix time in seconds; that of the server, which all machines share, if None.
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
        most_connections: at a time.
    Raises:
        BadInput: when that is no such URL. Nothing is connected to yet.
        FormatTooNew: by every method, when a newer version wrote the tables.
        ServiceDown: by every method, when the database cannot be reached, or its role may not do that.
        Locked, StorageFailed, ReadOnly, DeadlineExceeded: by every method, as the server tells; of `Locked` nothing of
            what was to be done remains.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = SCHEMA,
        clock: Callable[[], float] | None = None,
        max_attempts: int = 5,
        max_queued: int = 100_000,
        most_connections: int = MOST,
    ) -> None:
        pool = Pool(url, most=most_connections, name="lookalike ledger")
        self._stored = Tables(pool, schema, load_migrations(MIGRATIONS), what=TABLES.what)
        self._clock = clock
        self._rounds = ReplyRounds()
        self._jobs = PostgresJobs(self._stored, Terms(max_attempts, max_queued), clock)

    @property
    def jobs(self) -> PostgresJobs:
        """The jobs that are kept with it."""
        return self._jobs

    def prepare(self) -> None:
        """Make the tables where there are none, or bring them up to date; whatever comes first does it. Idempotent."""
        self._stored.prepare()

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Uploads and jobs change together; see `Ledger`. Others go on, but for what this one has looked up."""
        with self._stored.block() as session:
            transaction, waiting = self._within(session)
            yield transaction
        self._jobs.tell(waiting)

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `UploadChanges`."""
        self._stored.commit(lambda session: self._within(session)[0].add_upload(upload, quota=quota))

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        row = self._stored.ask(lambda session: session.first(_UPLOAD, (key_text(upload_id),)))
        if row is None:
            raise no_upload(upload_id)
        return upload_of_row(row)

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step; see `UploadChanges`."""
        return self._stored.commit(lambda session: self._within(session)[0].advance_upload(upload, only_from=only_from))

    def uploads(self, collection: str, *, state: UploadState | None = None, limit: int = 200) -> list[Upload]:
        """The newest uploads of a collection first."""
        name, most = key_text(collection), max(0, limit)
        if state is None:
            rows = self._stored.ask(lambda session: session.rows(UPLOADS, (name, most)))
        else:
            rows = self._stored.ask(lambda session: session.rows(UPLOADS_IN_STATE, (name, str(state), most)))
        return [upload_of_row(row) for row in rows]

    def expired_uploads(self, now: float, *, limit: int = 200) -> list[Upload]:
        """Uploads that still wait though their time is over, oldest first."""
        rows = self._stored.ask(lambda session: session.rows(EXPIRED, (now, max(0, limit))))
        return [upload_of_row(row) for row in rows]

    def holding(self) -> list[str]:
        """Names of collections of which uploads hold something, sorted."""
        rows = self._stored.ask(lambda session: session.rows(_ONE_OF_EACH))
        return sorted({upload_of_row(row).collection for row in rows})

    def end_uploads(self, collection: str, *, created_before: float, code: str, detail: str) -> int:
        """Say of the uploads of a collection that is gone that nothing comes of them; see `Ledger`."""

        def end(session: Session) -> int:
            transaction, _ = self._within(session)
            there = [upload_of_row(row) for row in session.rows(_TO_END, (key_text(collection),))]
            ended = [one for one in there if one.created_at < created_before]
            for one in ended:
                failed = replace(one, state=UploadState.FAILED, code=code, detail=detail)
                transaction.advance_upload(failed, only_from=(one.state,))
            return len(ended)

        return self._stored.commit(end)

    def begin(
        self, key: str, *, caller: str, body_hash: str, holder: str, expires_at: float, now: float | None = None
    ) -> KeptReply | None:
        """Begin what an idempotency key stands for, or give the reply that was given; see `Ledger`."""
        new = Stands(body_hash, holder, expires_at, caller, self._given_time() if now is None else now)
        return self._stored.commit(lambda session: begin(session, key, new))

    def renew(self, key: str, *, holder: str, now: float | None = None) -> None:
        """Say that what was begun goes on; see `Ledger`."""
        given = self._given_time() if now is None else now
        self._stored.commit(lambda session: renew(session, key, holder=holder, given_time=given))

    def finish(self, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None = None) -> None:
        """Keep the reply of what was begun; see `Ledger`."""
        self._stored.commit(
            lambda session: finish(session, key, reply, holder=holder, quota=quota, rounds=self._rounds)
        )

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what was begun, so that it may be tried again. Idempotent."""
        self._stored.commit(lambda session: abandon(session, key, holder=holder))

    def put_ticket(self, digest: str, *, principal: str, expires_at: float) -> None:
        """Keep a ticket: only its SHA-256, and for whom it stands (JSON)."""
        self._stored.ask(lambda session: session.change(_PUT_TICKET, (key_text(digest), principal, expires_at)))

    def take_ticket(self, digest: str, *, now: float) -> str | None:
        """Use a ticket up; None where there is none, or its time is over."""
        row = self._stored.commit(lambda session: session.first(_TAKE_TICKET, (key_text(digest),)))
        return str(row[0]) if row is not None and now < row[1] else None

    def sweep(self, now: float) -> None:
        """Delete what has expired; see `Ledger`."""

        def sweep(session: Session) -> None:
            session.change("DELETE FROM ours.begun WHERE expires_at <= %s", (now,))
            session.change("DELETE FROM ours.tickets WHERE expires_at <= %s", (now,))
            session.change(_SWEEP_UPLOADS, (now - KEPT_ENDED_S, now - KEPT_QUARANTINED_S))

        self._stored.commit(sweep)

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._stored.close()

    def _within(self, session: Session) -> tuple[PostgresTransaction, list[Waiting]]:
        changes, waiting = self._jobs.changes_within(session)
        return PostgresTransaction(session, changes, self._given_time(), self._rounds), waiting

    def _given_time(self) -> float | None:
        return None if self._clock is None else self._clock()


def open_postgres_ledger(
    url: str, *, schema: str = SCHEMA, max_attempts: int = 5, starts_anyway: bool = False
) -> PostgresLedger:
    """The ledger of a service in a database, with its jobs; made where there is none.

    Args:
        url: of the database.
        schema: in which its tables are.
        max_attempts: as of `PostgresLedger`.
        starts_anyway: a database that cannot be reached is told at each use, and not here.
    Raises:
        BadInput, FormatTooNew, ServiceDown, Locked, StorageFailed, ReadOnly: as of `PostgresLedger`.
    """
    ledger = PostgresLedger(url, schema=schema, max_attempts=max_attempts)
    try:
        ledger.prepare()
    except ServiceDown:
        if not starts_anyway:
            ledger.close()
            raise
    except BaseException:
        ledger.close()
        raise
    return ledger
