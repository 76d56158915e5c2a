"""Jobs in a PostgreSQL database, shared by processes on many machines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from collections.abc import Collection as Several
from typing import Any, TypeVar

from lookalike.core.errors import LookalikeError
from lookalike.jobs import transitions
from lookalike.jobs.base import Event, Job, JobChanges, JobFacts, JobState, OutboxRow
from lookalike.jobs.changes import Changes, Terms, no_job
from lookalike.jobs.each_alone import EachChangeAlone
from lookalike.jobs.postgres import tables
from lookalike.jobs.postgres.events import last_number, number_events, read_events
from lookalike.jobs.postgres.notices import Waiting, channel_of, notice_text
from lookalike.jobs.postgres.tables import JOB, NOW, JobRows, job_of, values_of_due
from lookalike.jobs.storable import printable
from lookalike.storage.postgres.errors import decoding
from lookalike.storage.postgres.session import Session
from lookalike.storage.postgres.tables import Tables

IS_ANY_DUE = f"SELECT EXISTS (SELECT FROM ours.jobs WHERE {tables.IS_DUE})"
_GET = f"SELECT {JOB} FROM ours.jobs WHERE id = %s"
_NUMBER = "SELECT number FROM ours.jobs WHERE id = %s"
FACTS = f"""
    SELECT (SELECT count(*) FROM ours.jobs WHERE state = 'queued'),
        (SELECT count(*) FROM ours.jobs WHERE state = 'running'),
        (SELECT count(*) FROM ours.jobs WHERE state = 'failed'),
        {NOW} - (SELECT min(available_at) FROM ours.jobs WHERE state = 'queued')"""
OUTBOX = f"SELECT number, job_id, kind FROM ours.outbox WHERE due_at <= {NOW} ORDER BY due_at, number LIMIT %s"
_PUBLISHED = "DELETE FROM ours.outbox WHERE number = ANY(%s::bigint[])"
_SWEEP = "DELETE FROM ours.jobs WHERE state = %s AND updated_at < %s"
_TELL = "SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS told"

_log = logging.getLogger(__name__)

T = TypeVar("T")


class PostgresJobs(EachChangeAlone):
    """See `lookalike.jobs.base.Jobs`. Workers claim beside each other: what one is changing, others pass over.

    Several that put jobs in at the same moment do not count each other's, so that by these there may be more than
    `max_queued`.

    Args:
        stored: the tables of the ledger that they belong to; what these raise, every method does.
        terms: how often a job is tried, and how many may wait.
        clock: Unix time in seconds; that of the server, which all machines share, if None.
    """

    def __init__(self, stored: Tables, terms: Terms, clock: Callable[[], float] | None) -> None:
        self._stored = stored
        self._terms = terms
        self._clock = clock

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; None where there is none, which takes one look."""
        due = values_of_due(self._given_time(), kinds, passing_over)
        (is_any,) = self._stored.ask(lambda session: session.one(IS_ANY_DUE, due))
        return super().claim(kinds, worker=worker, lease_s=lease_s, passing_over=passing_over) if is_any else None

    def get(self, job_id: str) -> Job:
        """Look one up."""
        row = self._stored.ask(lambda session: session.first(_GET, (printable(job_id),)))
        if row is None:
            raise no_job(job_id)
        return job_of(row)

    def jobs(
        self,
        *,
        collections: Several[str] | None = None,
        state: JobState | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first."""

        def list_jobs(session: Session) -> list[tuple[Any, ...]]:
            conditions: dict[str, Any] = {}
            if before is not None:
                known = session.first(_NUMBER, (printable(before),))
                if known is None:
                    raise no_job(before)
                conditions["number < %s"] = known[0]
            if collections is not None:
                conditions["collection = ANY(%s::text[])"] = [printable(name) for name in collections]
            if state is not None:
                conditions["state = %s"] = str(state)
            statement = f"SELECT {JOB} FROM ours.jobs WHERE {' AND '.join(['true', *conditions])}"
            return session.rows(f"{statement} ORDER BY number DESC LIMIT %s", (*conditions.values(), max(0, limit)))

        return [job_of(row) for row in self._stored.ask(list_jobs)]

    def events(
        self, after: int, *, collections: Several[str] | None = None, limit: int = 200
    ) -> tuple[Sequence[Event], int]:
        """What happened after an event, oldest first, and the number of the newest that is no longer kept."""
        return read_events(self._stored, after, collections=collections, limit=limit)

    def last_event(self) -> int:
        """Number of the newest event; 0 where there was none."""
        return last_number(self._stored)

    def outbox(self, *, limit: int = 100) -> list[OutboxRow]:
        """What workers are to be told of by now; see `Jobs`."""
        asked = (self._given_time(), max(0, limit))
        rows = self._stored.ask(lambda session: session.rows(OUTBOX, asked))
        with decoding():
            return [OutboxRow(int(number), str(job_id), str(kind)) for number, job_id, kind in rows]

    def note_published(self, rows: Several[OutboxRow]) -> None:
        """Delete rows of which workers were told; see `Jobs`."""
        numbers = [row.number for row in rows]
        self._stored.ask(lambda session: session.change(_PUBLISHED, (numbers,)))

    def facts(self) -> JobFacts:
        """Figures, cheap."""
        row = self._stored.ask(lambda session: session.one(FACTS, (self._given_time(),)))
        with decoding():
            queued, running, failed, waited_s = row
            return JobFacts(int(queued), int(running), int(failed), max(0.0, float(waited_s or 0.0)))

    def sweep(self, now: float) -> None:
        """Delete jobs that ended long ago, and number events that nobody has read; see `Jobs`."""
        number_events(self._stored)
        for state in JobState:
            kept_s = transitions.kept_s(state)
            if kept_s is not None:
                old = (str(state), now - kept_s)
                self._stored.ask(lambda session, old=old: session.change(_SWEEP, old))  # type: ignore[misc]

    def changes_within(self, session: Session) -> tuple[JobChanges, list[Waiting]]:
        """What can be done to jobs within a transaction, and the list that gets what comes to wait by that.

        Once it is committed, that list is to be handed to `tell`.
        """
        rows = JobRows(session, self._clock)
        return Changes(rows, self._terms), rows.waiting

    def tell(self, waiting: Sequence[Waiting]) -> None:
        """Wake who listens (`lookalike.dispatch.postgres`), once the jobs are there.

        It is no part of their transaction: all that notify take turns for as long as their commits last. Who is not
        told looks by itself.
        """
        if not waiting:
            return
        told = [notice_text(one) for one in waiting]
        try:
            self._stored.ask(lambda session: session.rows(_TELL, (channel_of(self._stored.schema), told)))
        except LookalikeError as error:
            _log.debug("workers are not told of %d jobs, and find them: %s", len(told), error)

    def _commit(self, block: Callable[[JobChanges], T]) -> T:
        def changing(session: Session) -> tuple[T, list[Waiting]]:
            changes, waiting = self.changes_within(session)
            return block(changes), waiting

        done, waiting = self._stored.commit(changing)
        self.tell(waiting)
        return done

    def _given_time(self) -> float | None:
        return None if self._clock is None else self._clock()
