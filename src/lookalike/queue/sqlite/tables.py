"""The tables of the file, and jobs as rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lookalike.queue.base import Event, Job, JobState
from lookalike.queue.storable import json_text
from lookalike.queue.transitions import KEPT_EVENTS, event_of
from lookalike.storage.sqlite.errors import decoding

APPLICATION_ID = 0x4C4B5155

# A job's number grows with its age. `live` is read in the order of age, without looking at a row; it must hold all that
# a claim asks for. An event repeats its job but for the payload, which is large and does not change.
_FIRST = (
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
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        available_at REAL NOT NULL,
        worker TEXT NOT NULL DEFAULT '',
        due_at REAL NOT NULL,
        result TEXT NOT NULL,
        code TEXT NOT NULL,
        detail TEXT NOT NULL,
        payload TEXT NOT NULL
    )""",
    "CREATE INDEX live ON jobs (number, kind, due_at) WHERE state IN ('queued', 'running')",
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
)

_POSTPONED = (
    "ALTER TABLE jobs ADD COLUMN postponed INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX live",
    "CREATE INDEX live ON jobs (number, kind, due_at, collection) WHERE state IN ('queued', 'running')",
)

MIGRATIONS = (_FIRST, _POSTPONED)

_INSERT = """
    INSERT INTO jobs (id, key, kind, collection, owner, state, attempts, postponed, created_at, updated_at,
        available_at, due_at, result, code, detail, payload)
    VALUES (:id, :key, :kind, :collection, :owner, :state, :attempts, :postponed, :created_at, :updated_at,
        :available_at, :available_at, :result, :code, :detail, :payload)"""
_UPDATE = """
    UPDATE jobs SET state = :state, attempts = :attempts, postponed = :postponed, updated_at = :updated_at,
        available_at = :available_at, result = :result, code = :code, detail = :detail, worker = :worker,
        due_at = :due_at
    WHERE id = :id"""
_EVENT = "INSERT INTO events (event, collection, job_id, job) VALUES (?, ?, ?, ?)"
_FORGET_EVENTS = "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?"


def insert(connection: sqlite3.Connection, job: Job, *, key: str | None) -> None:
    """Put a new job in, with its event."""
    connection.execute(_INSERT, {**_fields(job), "payload": json_text(job.payload), "key": key})
    _tell(connection, job)


def update(connection: sqlite3.Connection, job: Job, *, worker: str = "", lease_until: float | None = None) -> None:
    """Put a changed job in the place of the old one, with its event; whoever runs it has a lease."""
    due_at = job.available_at if lease_until is None else lease_until
    connection.execute(_UPDATE, {**_fields(job), "worker": worker, "due_at": due_at})
    _tell(connection, job)


def job_of(row: sqlite3.Row) -> Job:
    """A row of `jobs` as a job.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        return _job(row, payload=row["payload"])


def event_of_row(row: sqlite3.Row) -> Event:
    """A row of `events`, with the job's payload beside it, as an event.

    Raises:
        DamagedRow: when it cannot be understood.
    """
    with decoding():
        return Event(int(row["seq"]), str(row["event"]), _job(json.loads(row["job"]), payload=row["payload"] or "{}"))


def _job(fields: Any, *, payload: str) -> Job:
    return Job(
        id=str(fields["id"]),
        kind=str(fields["kind"]),
        collection=str(fields["collection"]),
        payload=dict(json.loads(payload)),
        owner=str(fields["owner"]),
        state=JobState(fields["state"]),
        attempts=int(fields["attempts"]),
        postponed=int(fields["postponed"]) if "postponed" in fields.keys() else 0,  # noqa: SIM118 - also of a row
        created_at=float(fields["created_at"]),
        updated_at=float(fields["updated_at"]),
        available_at=float(fields["available_at"]),
        result=json.loads(fields["result"]),
        code=str(fields["code"]),
        detail=str(fields["detail"]),
    )


def _tell(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute(_EVENT, (event_of(job), job.collection, job.id, json_text(_fields(job))))
    connection.execute(_FORGET_EVENTS, (KEPT_EVENTS,))


def _fields(job: Job) -> Mapping[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "owner": job.owner,
        "state": str(job.state),
        "attempts": job.attempts,
        "postponed": job.postponed,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "available_at": job.available_at,
        "result": json_text(job.result),
        "code": job.code,
        "detail": job.detail,
    }
