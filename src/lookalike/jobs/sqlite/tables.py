"""The tables of the file, and jobs as rows."""

from __future__ import annotations

import json
import sqlite3

from lookalike.jobs.base import Event, Job, JobState
from lookalike.jobs.storable import job_fields, job_of_fields, json_text
from lookalike.jobs.transitions import KEPT_EVENTS, event_of
from lookalike.storage.sqlite.errors import decoding

# A job's number grows with its age. `live` is read in the order of age, without looking at a row; it must hold all that
# a claim asks for. An event repeats its job but for the payload, which is large and does not change. A number of the
# outbox is never given twice, so that a row which was published is not taken for a later one of the same job.
TABLES = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        key TEXT UNIQUE,
        kind TEXT NOT NULL,
        collection TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        postponed INTEGER NOT NULL,
        lease INTEGER NOT NULL,
        worker TEXT NOT NULL,
        due_at REAL NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        available_at REAL NOT NULL,
        result TEXT NOT NULL,
        code TEXT NOT NULL,
        detail TEXT NOT NULL,
        payload TEXT NOT NULL
    )""",
    "CREATE INDEX live ON jobs (number, kind, due_at, collection) WHERE state IN ('queued', 'running')",
    "CREATE INDEX waiting ON jobs (available_at) WHERE state = 'queued'",
    "CREATE INDEX by_state ON jobs (state)",
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        event TEXT NOT NULL,
        collection TEXT NOT NULL,
        job_id TEXT NOT NULL,
        job TEXT NOT NULL
    )""",
    """
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        due_at REAL NOT NULL
    )""",
    "CREATE INDEX outbox_due ON outbox (due_at, number)",
)

_INSERT = """
    INSERT INTO jobs (id, key, kind, collection, owner, state, attempts, postponed, lease, worker, due_at, created_at,
        updated_at, available_at, result, code, detail, payload)
    VALUES (:id, :key, :kind, :collection, :owner, :state, :attempts, :postponed, :lease, '', :available_at,
        :created_at, :updated_at, :available_at, :result, :code, :detail, :payload)"""
_UPDATE = """
    UPDATE jobs SET state = :state, attempts = :attempts, postponed = :postponed, lease = :lease, worker = :worker,
        due_at = :due_at, updated_at = :updated_at, available_at = :available_at, result = :result, code = :code,
        detail = :detail
    WHERE id = :id"""
_EVENT = "INSERT INTO events (event, collection, job_id, job) VALUES (?, ?, ?, ?)"
_INTO_OUTBOX = "INSERT OR REPLACE INTO outbox (job_id, kind, due_at) VALUES (?, ?, ?)"
_FORGET_EVENTS = "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?"


def insert(connection: sqlite3.Connection, job: Job, *, key: str | None) -> None:
    """Put a new job in, with its event and its row of the outbox."""
    connection.execute(_INSERT, {**job_fields(job), "payload": json_text(job.payload), "key": key})
    _tell(connection, job)


def update(connection: sqlite3.Connection, job: Job, *, worker: str = "", lease_until: float | None = None) -> None:
    """Put a changed job in the place of the old one, with its event; it is in the outbox while it waits."""
    due_at = job.available_at if lease_until is None else lease_until
    connection.execute(_UPDATE, {**job_fields(job), "worker": worker, "due_at": due_at})
    _tell(connection, job)


def job_of(row: sqlite3.Row) -> Job:
    """A row of `jobs` as a job.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        return job_of_fields(row, payload=row["payload"])


def event_of_row(row: sqlite3.Row) -> Event:
    """A row of `events`, with the job's payload beside it, as an event.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        return Event(
            int(row["seq"]), str(row["event"]), job_of_fields(json.loads(row["job"]), payload=row["payload"] or "{}")
        )


def _tell(connection: sqlite3.Connection, job: Job) -> None:
    if job.state is JobState.QUEUED:
        connection.execute(_INTO_OUTBOX, (job.id, job.kind, job.available_at))
    else:
        connection.execute("DELETE FROM outbox WHERE job_id = ?", (job.id,))
    connection.execute(_EVENT, (event_of(job), job.collection, job.id, json_text(job_fields(job))))
    connection.execute(_FORGET_EVENTS, (KEPT_EVENTS,))
