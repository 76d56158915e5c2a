"""The rows of jobs, within a transaction of the file that they are in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from collections.abc import Collection as Several

from lookalike.jobs.base import Job
from lookalike.jobs.changes import Changes, Terms, no_job
from lookalike.jobs.sqlite import tables
from lookalike.jobs.storable import printable

DUE = """
    SELECT number FROM jobs INDEXED BY live
    WHERE state IN ('queued', 'running') AND due_at <= ? AND kind IN (SELECT value FROM json_each(?))
        AND collection NOT IN (SELECT value FROM json_each(?))
    ORDER BY number LIMIT 1"""
LEASED = "SELECT * FROM jobs WHERE id = ? AND state = 'running' AND lease = ?"


class JobRows:
    """See `lookalike.jobs.changes.JobTable`.

    Args:
        connection: in a transaction that writes, and that no other runs beside.
        clock: Unix time in seconds, the same for all processes.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self.now = clock

    def find(self, job_id: str) -> Job | None:
        """A job; None where there is none (any more)."""
        return self._one("SELECT * FROM jobs WHERE id = ?", printable(job_id))

    def find_by_key(self, key: str) -> Job | None:
        """The job that was put in under a key."""
        return self._one("SELECT * FROM jobs WHERE key = ?", key)

    def find_due(self, kinds: Several[str], passing_over: Several[str]) -> Job | None:
        """The oldest that may be begun."""
        due = self._connection.execute(DUE, due_now(self.now(), kinds, passing_over)).fetchone()
        return None if due is None else self._one("SELECT * FROM jobs WHERE number = ?", due["number"])

    def find_leased(self, job_id: str, lease: int) -> Job | None:
        """A job that runs under this lease."""
        return self._one(LEASED, printable(job_id), lease)

    def count_queued(self) -> int:
        """How many wait."""
        (queued,) = self._connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()
        return int(queued)

    def insert(self, job: Job, *, key: str | None) -> bool:
        """Put a new job in; nobody else can have put its key in."""
        tables.insert(self._connection, job, key=key)
        return True

    def update(self, job: Job, *, worker: str = "", lease_until: float | None = None) -> None:
        """Put a changed job in the place of the old one."""
        tables.update(self._connection, job, worker=printable(worker), lease_until=lease_until)

    def lease(self, job_id: str, *, until: float) -> None:
        """Let the lease of a job last until then."""
        self._connection.execute("UPDATE jobs SET due_at = ? WHERE id = ?", (until, job_id))

    def _one(self, statement: str, *values: object) -> Job | None:
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else tables.job_of(row)


def changes_within(connection: sqlite3.Connection, terms: Terms, clock: Callable[[], float]) -> Changes:
    """What can be done to jobs within a transaction; arguments as of `JobRows` and `Changes`."""
    return Changes(JobRows(connection, clock), terms)


def due_now(now: float, kinds: Several[str], passing_over: Several[str]) -> tuple[float, str, str]:
    """The values of `DUE`."""
    return now, json.dumps(list(kinds)), json.dumps(list(passing_over))


def known_row(connection: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """The row of a job.

    Raises:
        NotFound: when there is none (any more).
    """
    row: sqlite3.Row | None = connection.execute("SELECT * FROM jobs WHERE id = ?", (printable(job_id),)).fetchone()
    if row is None:
        raise no_job(job_id)
    return row
