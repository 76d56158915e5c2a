"""The rows of jobs, within a transaction of the database that they are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Collection as Several
from typing import Any

from lookalike.jobs.base import Job, JobState
from lookalike.jobs.postgres.notices import Waiting
from lookalike.jobs.storable import job_fields, job_of_fields, json_text, printable
from lookalike.jobs.transitions import event_of
from lookalike.storage.postgres.errors import decoding
from lookalike.storage.postgres.session import Row, Session

COLUMNS = (
    "id",
    "kind",
    "collection",
    "owner",
    "state",
    "attempts",
    "postponed",
    "lease",
    "created_at",
    "updated_at",
    "available_at",
    "result",
    "code",
    "detail",
)
"""The columns of `jobs` that make a job, but for its payload."""

JOB = ", ".join((*COLUMNS, "payload"))
NOW = "coalesce(%s::float8, extract(epoch FROM statement_timestamp())::float8)"
"""The time: the one given, or, where that is NULL, the server's, which is the same for all machines."""

IS_DUE = f"""
    state IN ('queued', 'running') AND due_at <= {NOW} AND kind = ANY(%s::text[]) AND collection <> ALL(%s::text[])"""
LEASED = f"SELECT {NOW}, {JOB} FROM ours.jobs WHERE id = %s AND state = 'running' AND lease = %s FOR NO KEY UPDATE"
DUE = f"SELECT {NOW}, {JOB} FROM ours.jobs WHERE {IS_DUE} ORDER BY number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
_FIND = f"SELECT {NOW}, {JOB} FROM ours.jobs WHERE id = %s FOR NO KEY UPDATE"
_FIND_BY_KEY = f"SELECT {NOW}, {JOB} FROM ours.jobs WHERE key = %s"

# Each of these is one statement, so that a change takes one answer of a server that may be far away.
_TELL = "INSERT INTO ours.events (event, collection, job_id, job) SELECT %s, %s, id, %s FROM put"
_XID = "RETURNING pg_current_xact_id()::text"
_INTO_OUTBOX = """
    INSERT INTO ours.outbox (job_id, kind, due_at) SELECT id, %s, %s FROM put
    ON CONFLICT (job_id) DO UPDATE SET number = DEFAULT, due_at = excluded.due_at"""
_INSERT = f"""
    WITH put AS (
        INSERT INTO ours.jobs (key, worker, due_at, {JOB})
        VALUES (%s, '', %s, {", ".join(["%s"] * (len(COLUMNS) + 1))})
        ON CONFLICT (key) DO NOTHING RETURNING id
    ), outbox AS ({_INTO_OUTBOX})
    {_TELL} {_XID}"""
_UPDATE = f"""
    WITH put AS (
        UPDATE ours.jobs SET worker = %s, due_at = %s, {", ".join(f"{name} = %s" for name in COLUMNS)}
        WHERE id = %s RETURNING id
    ), outbox AS ({{outbox}})
    {_TELL} {_XID}"""
_UPDATE_WAITING = _UPDATE.format(outbox=_INTO_OUTBOX)
_UPDATE_OTHERS = _UPDATE.format(outbox="DELETE FROM ours.outbox USING put WHERE job_id = put.id")
_LEASE = f"UPDATE ours.jobs SET due_at = %s WHERE id = %s {_XID}"
_QUEUED = f"SELECT {NOW}, count(*) FROM ours.jobs WHERE state = 'queued'"


class JobRows:
    """See `lookalike.jobs.changes.JobTable`.

    Args:
        session: in a transaction that waits for others.
        clock: Unix time in seconds; the server's where it is None.

    Attributes:
        waiting: what has come to wait in this transaction.
    """

    def __init__(self, session: Session, clock: Callable[[], float] | None) -> None:
        self._session = session
        self._clock = clock
        self._found_at: float | None = None
        self.waiting: list[Waiting] = []

    def now(self) -> float:
        """Unix time in seconds, when something was found last."""
        if self._found_at is None:
            (self._found_at,) = self._session.one(f"SELECT {NOW}", (self._given_time(),))
        return self._found_at

    def find(self, job_id: str) -> Job | None:
        """A job; nobody else changes it until the transaction has ended."""
        return self._first(_FIND, self._given_time(), printable(job_id))

    def find_by_key(self, key: str) -> Job | None:
        """The job that was put in under a key."""
        return self._first(_FIND_BY_KEY, self._given_time(), key)

    def find_due(self, kinds: Several[str], passing_over: Several[str]) -> Job | None:
        """The oldest that may be begun and that nobody else is changing."""
        now = self._given_time()
        return self._first(DUE, now, *values_of_due(now, kinds, passing_over))

    def find_leased(self, job_id: str, lease: int) -> Job | None:
        """A job that runs under this lease."""
        return self._first(LEASED, self._given_time(), printable(job_id), lease)

    def count_queued(self) -> int:
        """How many wait, but for those that others put in at this moment."""
        self._found_at, queued = self._session.one(_QUEUED, (self._given_time(),))
        return int(queued)

    def insert(self, job: Job, *, key: str | None) -> bool:
        """Put a new job in; False where another has put that key in, for whose end it was waited."""
        fields = job_fields(job)
        values = (key, job.available_at, *_values(fields), json_text(job.payload), job.kind, job.available_at)
        told = self._session.first(_INSERT, (*values, event_of(job), job.collection, json_text(fields)))
        if told is not None:
            self._note(told, job)
        return told is not None

    def update(self, job: Job, *, worker: str = "", lease_until: float | None = None) -> None:
        """Put a changed job in the place of the old one."""
        fields = job_fields(job)
        due_at = job.available_at if lease_until is None else lease_until
        values = (printable(worker), due_at, *_values(fields), job.id)
        told = (event_of(job), job.collection, json_text(fields))
        if job.state is JobState.QUEUED:
            self._note(self._session.one(_UPDATE_WAITING, (*values, job.kind, job.available_at, *told)), job)
        else:
            self._note(self._session.one(_UPDATE_OTHERS, (*values, *told)), job)

    def lease(self, job_id: str, *, until: float) -> None:
        """Let the lease of a job last until then."""
        (xid,) = self._session.one(_LEASE, (until, job_id))
        self._session.xid = int(xid)

    def _note(self, told: Row, job: Job) -> None:
        self._session.xid = int(told[0])
        if job.state is JobState.QUEUED:
            self.waiting.append(Waiting(job.id, job.kind, max(0.0, job.available_at - self.now())))

    def _given_time(self) -> float | None:
        return None if self._clock is None else self._clock()

    def _first(self, statement: str, *values: Any) -> Job | None:
        row = self._session.first(statement, values)
        if row is None:
            return None
        self._found_at = row[0]
        return job_of(row[1:])


def values_of_due(
    now: float | None, kinds: Several[str], passing_over: Several[str]
) -> tuple[float | None, list[str], list[str]]:
    """The values of `IS_DUE`."""
    return now, [printable(kind) for kind in kinds], [printable(name) for name in passing_over]


def job_of(row: Sequence[Any]) -> Job:
    """The columns `JOB` as a job.

    Raises:
        StorageFailed: when they cannot be understood.
    """
    with decoding():
        return job_of_fields(dict(zip(COLUMNS, row[:-1], strict=True)), payload=row[-1])


def _values(fields: dict[str, Any]) -> list[Any]:
    return [fields[name] for name in COLUMNS]
