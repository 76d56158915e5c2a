"""Jobs in a SQLite file, shared by several processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from collections.abc import Collection as Several
from typing import TypeVar

from lookalike.jobs import transitions
from lookalike.jobs.base import Event, Job, JobChanges, JobFacts, JobState, OutboxRow
from lookalike.jobs.changes import Terms
from lookalike.jobs.each_alone import EachChangeAlone
from lookalike.jobs.sqlite import tables
from lookalike.jobs.sqlite.rows import DUE, changes_within, due_now, known_row
from lookalike.storage.sqlite.errors import decoding
from lookalike.storage.sqlite.file import SqliteFile

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
_OUTBOX = "SELECT number, job_id, kind FROM outbox WHERE due_at <= ? ORDER BY due_at, number LIMIT ?"
_SWEEP = "DELETE FROM jobs WHERE state = ? AND updated_at < ?"
_LARGEST = 2**63 - 1

T = TypeVar("T")


class SqliteJobs(EachChangeAlone):
    """See `lookalike.jobs.base.Jobs`. Events are numbered and committed under one lock, so none is ever skipped.

    Args:
        file: of the ledger that they belong to; what it raises, every method does.
        terms: how often a job is tried, and how many may wait.
        clock: Unix time in seconds, the same for all processes.
    """

    def __init__(self, file: SqliteFile, terms: Terms, clock: Callable[[], float]) -> None:
        self._file = file
        self._terms = terms
        self._clock = clock

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; None where there is none, which costs no write."""
        with self._file.reading() as connection:
            if connection.execute(DUE, due_now(self._clock(), kinds, passing_over)).fetchone() is None:
                return None
        return super().claim(kinds, worker=worker, lease_s=lease_s, passing_over=passing_over)

    def get(self, job_id: str) -> Job:
        """Look one up."""
        with self._file.reading() as connection:
            return tables.job_of(known_row(connection, job_id))

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
                "before": None if before is None else known_row(connection, before)["number"],
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

    def outbox(self, *, limit: int = 100) -> list[OutboxRow]:
        """What workers are to be told of by now; see `Jobs`."""
        with self._file.reading() as connection, decoding():
            rows = connection.execute(_OUTBOX, (self._clock(), max(0, limit)))
            return [OutboxRow(int(number), str(job_id), str(kind)) for number, job_id, kind in rows]

    def note_published(self, rows: Several[OutboxRow]) -> None:
        """Delete rows of which workers were told; see `Jobs`."""
        with self._file.writing() as connection:
            connection.executemany("DELETE FROM outbox WHERE number = ?", [(row.number,) for row in rows])

    def facts(self) -> JobFacts:
        """Figures, cheap."""
        with self._file.reading() as connection, decoding():
            queued, running, failed, oldest = connection.execute(_FACTS).fetchone()
            waited_s = 0.0 if oldest is None else max(0.0, self._clock() - oldest)
            return JobFacts(queued, running, failed, waited_s)

    def sweep(self, now: float) -> None:
        """Delete jobs that ended long ago; see `Jobs`."""
        with self._file.writing() as connection:
            for state in JobState:
                kept_s = transitions.kept_s(state)
                if kept_s is not None:
                    connection.execute(_SWEEP, (state, now - kept_s))

    def _commit(self, block: Callable[[JobChanges], T]) -> T:
        with self._file.writing() as connection:
            return block(changes_within(connection, self._terms, self._clock))


def _among(collections: Several[str] | None) -> str | None:
    return None if collections is None else json.dumps(list(collections))
