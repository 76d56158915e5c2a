"""The queue that keeps everything in one SQLite file, shared by several processes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Several
from pathlib import Path

from lookalike.core.errors import NotFound, Overloaded
from lookalike.core.records import Json
from lookalike.queue import transitions
from lookalike.queue.base import Event, Job, JobState, QueueFacts
from lookalike.queue.sqlite import tables
from lookalike.queue.storable import checked_word, json_text, printable, storable_detail
from lookalike.storage.sqlite.errors import decoding
from lookalike.storage.sqlite.file import SqliteFile

_DUE = """
    SELECT number FROM jobs INDEXED BY live
    WHERE state IN ('queued', 'running') AND due_at <= ? AND kind IN (SELECT value FROM json_each(?))
        AND collection NOT IN (SELECT value FROM json_each(?))
    ORDER BY number LIMIT 1"""
_JOBS = """
    SELECT * FROM jobs
    WHERE (:before IS NULL OR number < :before)
        AND (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
    ORDER BY number DESC LIMIT :limit"""
_JOBS_IN_STATE = """
    SELECT * FROM jobs
    WHERE state = :state AND (:before IS NULL OR number < :before)
        AND (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
    ORDER BY number DESC LIMIT :limit"""
_EVENTS = """
    SELECT events.seq, events.event, events.job, jobs.payload
    FROM events LEFT JOIN jobs ON jobs.id = events.job_id
    WHERE events.seq > :after
        AND (:collections IS NULL OR events.collection IN (SELECT value FROM json_each(:collections)))
    ORDER BY events.seq LIMIT :limit"""
_FACTS = """
    SELECT (SELECT count(*) FROM jobs WHERE state = 'queued'), (SELECT count(*) FROM jobs WHERE state = 'running'),
        (SELECT count(*) FROM jobs WHERE state = 'failed'),
        (SELECT min(available_at) FROM jobs WHERE state = 'queued')"""
_HELD = "SELECT * FROM jobs WHERE id = ? AND state = 'running' AND worker = ?"
_SWEEP = "DELETE FROM jobs WHERE state = ? AND updated_at < ?"
_LARGEST = 2**63 - 1


class SqliteQueue:
    """See `lookalike.queue.base.Queue`. Events are numbered and committed under one lock, so none is ever skipped.

    Args:
        path: of the file; made where there is none.
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
        clock: Unix time in seconds, the same for all processes.
    Raises:
        FormatTooNew: when a newer version wrote the file.
        StorageFailed: when the file is something else, broken, or cannot be made; so does every method.
        ReadOnly, Locked: when it cannot be written, or other processes keep it for too long; so does every method.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_attempts: int = 5,
        max_queued: int = 100_000,
        clock: Callable[[], float] = time.time,
        starts_anyway: bool = False,
    ) -> None:
        self._max_attempts = max_attempts
        self._max_queued = max_queued
        self._clock = clock
        self._file = SqliteFile(
            path,
            what="queue",
            application_id=tables.APPLICATION_ID,
            migrations=tables.MIGRATIONS,
            starts_anyway=starts_anyway,
        )

    def enqueue(
        self,
        kind: str,
        *,
        collection: str,
        payload: Mapping[str, Json],
        owner: str = "",
        key: str | None = None,
        delay_s: float = 0.0,
    ) -> Job:
        """Put a job in, or give the one back that has this key; see `Queue`."""
        for word in (kind, collection, owner, key or ""):
            checked_word(word)
        payload = json.loads(json_text(payload))
        with self._file.writing() as connection:
            there = connection.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone()
            if there is not None:
                return tables.job_of(there)
            (queued,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()
            if queued >= self._max_queued:
                raise Overloaded(f"{queued} jobs wait already; try again later", retry_after_s=5.0)
            job = transitions.new(
                kind, collection=collection, payload=payload, owner=owner, delay_s=delay_s, now=self._clock()
            )
            tables.insert(connection, job, key=key)
        return job

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, for a while; None where there is none, which costs no write."""
        wanted, unwanted = json.dumps(list(kinds)), json.dumps(list(passing_over))
        with self._file.reading() as connection:
            if connection.execute(_DUE, (self._clock(), wanted, unwanted)).fetchone() is None:
                return None
        with self._file.writing() as connection:
            now = self._clock()
            while True:
                found = connection.execute(_DUE, (now, wanted, unwanted)).fetchone()
                if found is None:
                    return None
                row = connection.execute("SELECT * FROM jobs WHERE number = ?", (found["number"],)).fetchone()
                job = tables.job_of(row)
                if job.attempts < self._max_attempts:
                    break
                tables.update(connection, transitions.lost(job, now=now))
            job = transitions.begun(job, now=now)
            tables.update(connection, job, worker=printable(worker), lease_until=now + lease_s)
        return job

    def extend(self, job_id: str, *, worker: str, lease_s: float) -> bool:
        """Go on holding a job; False where it is no longer this worker's."""
        with self._file.writing() as connection:
            held = _held(connection, job_id, worker)
            if held is not None:
                connection.execute("UPDATE jobs SET due_at = ? WHERE id = ?", (self._clock() + lease_s, held.id))
        return held is not None

    def finish(self, job_id: str, *, worker: str, result: Json) -> bool:
        """It is done; False, and nothing changed, where it is no longer this worker's."""
        json_text(result)  # refused before anything is begun
        with self._file.writing() as connection:
            held = _held(connection, job_id, worker)
            if held is not None:
                tables.update(connection, transitions.done(held, result=result, now=self._clock()))
        return held is not None

    def fail(self, job_id: str, *, worker: str, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; False as in `finish`."""
        with self._file.writing() as connection:
            held = _held(connection, job_id, worker)
            if held is None:
                return False
            job = transitions.failed(
                held,
                code=code,
                detail=storable_detail(detail),
                retry_in_s=retry_in_s,
                max_attempts=self._max_attempts,
                now=self._clock(),
            )
            tables.update(connection, job)
        return True

    def postpone(self, job_id: str, *, worker: str, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; see `Queue`."""
        with self._file.writing() as connection:
            held = _held(connection, job_id, worker)
            if held is None:
                return False
            detail = storable_detail(detail)
            job = transitions.postponed(held, code=code, detail=detail, retry_in_s=retry_in_s, now=self._clock())
            tables.update(connection, job)
        return True

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again; see `Queue`."""
        with self._file.writing() as connection:
            before = tables.job_of(_known(connection, job_id))
            job = transitions.again(before, now=self._clock())
            if job is not before:
                tables.update(connection, job)
        return job

    def get(self, job_id: str) -> Job:
        """Look one up."""
        with self._file.reading() as connection:
            return tables.job_of(_known(connection, job_id))

    def jobs(
        self,
        *,
        collections: Several[str] | None = None,
        state: JobState | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first."""
        with self._file.reading() as connection:
            asked = {
                "before": None if before is None else _known(connection, before)["number"],
                "collections": _among(collections),
                "state": state,
                "limit": max(0, limit),
            }
            rows = connection.execute(_JOBS if state is None else _JOBS_IN_STATE, asked)
            return [tables.job_of(row) for row in rows]

    def events(
        self, after: int, *, collections: Several[str] | None = None, limit: int = 200
    ) -> tuple[Sequence[Event], int]:
        """What happened after an event, oldest first, and the number of the newest that is no longer kept."""
        asked = {"after": min(max(0, after), _LARGEST), "collections": _among(collections), "limit": max(0, limit)}
        with self._file.reading() as connection:
            (oldest,) = connection.execute("SELECT min(seq) FROM events").fetchone()
            rows = connection.execute(_EVENTS, asked)
            return [tables.event_of_row(row) for row in rows], (oldest or 1) - 1

    def last_event(self) -> int:
        """Number of the newest event; 0 where there was none."""
        with self._file.reading() as connection:
            (newest,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        return newest or 0

    def facts(self) -> QueueFacts:
        """Figures, cheap."""
        with self._file.reading() as connection, decoding():
            queued, running, failed, oldest = connection.execute(_FACTS).fetchone()
            return QueueFacts(queued, running, failed, 0.0 if oldest is None else max(0.0, self._clock() - oldest))

    def sweep(self, now: float) -> None:
        """Delete jobs that ended long ago; see `Queue`."""
        with self._file.writing() as connection:
            for state in JobState:
                kept_s = transitions.kept_s(state)
                if kept_s is not None:
                    connection.execute(_SWEEP, (state, now - kept_s))

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._file.close()


def _held(connection: sqlite3.Connection, job_id: str, worker: str) -> Job | None:
    row = connection.execute(_HELD, (printable(job_id), printable(worker))).fetchone()
    return None if row is None else tables.job_of(row)


def _known(connection: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM jobs WHERE id = ?", (printable(job_id),)).fetchone()
    if row is None:
        raise NotFound(f"there is no job {job_id!r} (any more)")
    return row


def _among(collections: Several[str] | None) -> str | None:
    return None if collections is None else json.dumps(list(collections))
