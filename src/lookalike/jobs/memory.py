"""Jobs that live in memory: for tests, and for one process that may forget."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Several
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from lookalike.core.records import Json
from lookalike.jobs import transitions
from lookalike.jobs.base import Event, Job, JobFacts, JobState, OutboxRow
from lookalike.jobs.changes import no_job
from lookalike.jobs.storable import check_job, json_copy, storable_detail


@dataclass(frozen=True, slots=True)
class _Row:
    job: Job
    number: int
    key: str | None
    worker: str = ""
    lease_until: float = 0.0

    @property
    def due_at(self) -> float:
        return self.lease_until if self.job.state is JobState.RUNNING else self.job.available_at

    @property
    def is_live(self) -> bool:
        return self.job.state in (JobState.QUEUED, JobState.RUNNING)


@dataclass(slots=True)
class _Rows:
    """All of it; oldest first. Rows are replaced, never changed."""

    jobs: dict[str, _Row] = field(default_factory=dict)
    live: dict[str, _Row] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=transitions.KEPT_EVENTS))

    def copy(self) -> _Rows:
        return _Rows(dict(self.jobs), dict(self.live), dict(self.by_key), dict(self.outbox), self.events.copy())


class MemoryJobs:
    """See `lookalike.jobs.base.Jobs`; of one process, and forgotten with it.

    Args:
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
        clock: Unix time in seconds.
        lock: of whoever keeps them together with something else; one of their own if None.
    """

    def __init__(
        self,
        *,
        max_attempts: int = 5,
        max_queued: int = 100_000,
        clock: Callable[[], float] = time.time,
        lock: Any = None,
    ) -> None:
        self._max_attempts = max_attempts
        self._max_queued = max_queued
        self._clock = clock
        self._mutex = RLock() if lock is None else lock
        self._rows = _Rows()
        self._numbers = itertools.count(1)
        self._outbox_numbers = itertools.count(1)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is done in the block is undone where it raises, and seen by nobody else before it ends."""
        with self._mutex:
            before = self._rows.copy()
            try:
                yield
            except BaseException:
                self._rows = before
                raise

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
        """Put a job in, or give the one back that has this key; see `JobChanges`."""
        payload = check_job(kind, collection, owner, key or "", payload=payload)
        with self._mutex:
            if key is not None and key in self._rows.by_key:
                return self._rows.jobs[self._rows.by_key[key]].job
            queued = sum(row.job.state is JobState.QUEUED for row in self._rows.live.values())
            transitions.check_room(queued, max_queued=self._max_queued)
            job = transitions.new(
                kind, collection=collection, payload=payload, owner=owner, delay_s=delay_s, now=self._clock()
            )
            if key is not None:
                self._rows.by_key[key] = job.id
            return self._put(_Row(job, next(self._numbers), key))

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; None where there is none."""
        with self._mutex:
            now = self._clock()
            due = [row for row in self._rows.live.values() if row.job.kind in kinds and row.due_at <= now]
            for row in [one for one in due if one.job.collection not in passing_over]:
                if row.job.attempts < self._max_attempts:
                    job = transitions.begin(row.job, now=now)
                    return self._put(replace(row, job=job, worker=worker, lease_until=now + lease_s))
                self._put(replace(row, job=transitions.give_up(row.job, now=now)))
            return None

    def extend(self, job_id: str, *, lease: int, lease_s: float) -> bool:
        """Let a lease last for so many seconds from now; False where another has claimed the job since."""
        with self._mutex:
            row = self._find_leased(job_id, lease)
            if row is not None:
                self._keep(replace(row, lease_until=self._clock() + lease_s))
            return row is not None

    def finish(self, job_id: str, *, lease: int, result: Json) -> bool:
        """It is done; see `JobChanges`."""
        result = json_copy(result)
        return self._change(job_id, lease, lambda job: transitions.finish(job, result=result, now=self._clock()))

    def fail(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; see `JobChanges`."""
        return self._change(
            job_id,
            lease,
            lambda job: transitions.fail(
                job,
                code=code,
                detail=storable_detail(detail),
                retry_in_s=retry_in_s,
                max_attempts=self._max_attempts,
                now=self._clock(),
            ),
        )

    def postpone(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; see `JobChanges`."""
        detail = storable_detail(detail)
        return self._change(
            job_id,
            lease,
            lambda job: transitions.postpone(job, code=code, detail=detail, retry_in_s=retry_in_s, now=self._clock()),
        )

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again; see `JobChanges`."""
        with self._mutex:
            row = self._find(job_id)
            job = transitions.again(row.job, now=self._clock())
            return job if job is row.job else self._put(replace(row, job=job))

    def get(self, job_id: str) -> Job:
        """Look one up."""
        with self._mutex:
            return self._find(job_id).job

    def jobs(
        self,
        *,
        collections: Several[str] | None = None,
        state: JobState | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first."""
        with self._mutex:
            end = None if before is None else self._find(before).number
            found = (
                row.job
                for row in reversed(self._rows.jobs.values())
                if (end is None or row.number < end)
                and (collections is None or row.job.collection in collections)
                and (state is None or row.job.state is state)
            )
            return list(itertools.islice(found, max(0, limit)))

    def events(
        self, after: int, *, collections: Several[str] | None = None, limit: int = 200
    ) -> tuple[Sequence[Event], int]:
        """What happened after an event, oldest first, and the number of the newest that is no longer kept."""
        with self._mutex:
            events = self._rows.events
            gone = events[0].seq - 1 if events else 0
            found = (
                event
                for event in itertools.islice(events, min(max(0, after - gone), len(events)), None)
                if collections is None or event.job.collection in collections
            )
            return [self._as_kept(event) for event in itertools.islice(found, max(0, limit))], gone

    def last_event(self) -> int:
        """Number of the newest event; 0 where there was none."""
        with self._mutex:
            return self._rows.events[-1].seq if self._rows.events else 0

    def outbox(self, *, limit: int = 100) -> list[OutboxRow]:
        """What workers are to be told of by now; see `Jobs`."""
        with self._mutex:
            now = self._clock()
            since = {row: self._rows.jobs[row.job_id].job.available_at for row in self._rows.outbox.values()}
            due = sorted((row for row in since if since[row] <= now), key=lambda row: (since[row], row.number))
            return due[: max(0, limit)]

    def note_published(self, rows: Several[OutboxRow]) -> None:
        """Delete rows of which workers were told; see `Jobs`."""
        with self._mutex:
            for row in rows:
                if self._rows.outbox.get(row.job_id) == row:
                    del self._rows.outbox[row.job_id]

    def facts(self) -> JobFacts:
        """Figures, cheap."""
        with self._mutex:
            now, live = self._clock(), self._rows.live
            waits = [now - row.job.available_at for row in live.values() if row.job.state is JobState.QUEUED]
            failed = sum(row.job.state is JobState.FAILED for row in self._rows.jobs.values())
            return JobFacts(len(waits), len(live) - len(waits), failed, max([0.0, *waits]))

    def sweep(self, now: float) -> None:
        """Delete jobs that ended long ago; see `Jobs`."""
        with self._mutex:
            for row in list(self._rows.jobs.values()):
                kept_s = transitions.kept_s(row.job.state)
                if kept_s is not None and row.job.updated_at < now - kept_s:
                    del self._rows.jobs[row.job.id]
                    if row.key is not None:
                        del self._rows.by_key[row.key]

    def _change(self, job_id: str, lease: int, change: Callable[[Job], Job]) -> bool:
        with self._mutex:
            row = self._find_leased(job_id, lease)
            if row is not None:
                self._put(replace(row, job=change(row.job)))
            return row is not None

    def _put(self, row: _Row) -> Job:
        """Put a changed row in the place of the old one, with its event, and into the outbox where it waits."""
        job, rows = row.job, self._rows
        self._keep(row)
        rows.outbox.pop(job.id, None)
        if job.state is JobState.QUEUED:
            rows.outbox[job.id] = OutboxRow(next(self._outbox_numbers), job.id, job.kind)
        seq = rows.events[-1].seq + 1 if rows.events else 1
        rows.events.append(Event(seq, transitions.event_of(job), job))
        return job

    def _keep(self, row: _Row) -> None:
        rows, job_id = self._rows, row.job.id
        rows.jobs[job_id] = row
        if not row.is_live:
            rows.live.pop(job_id, None)
            return
        was_live = job_id in rows.live
        rows.live[job_id] = row
        if not was_live and row.number != next(reversed(rows.jobs.values())).number:  # it was put in again
            rows.live = dict(sorted(rows.live.items(), key=lambda item: item[1].number))

    def _find_leased(self, job_id: str, lease: int) -> _Row | None:
        row = self._rows.live.get(job_id)
        is_leased = row is not None and row.job.state is JobState.RUNNING and row.job.lease == lease
        return row if is_leased else None

    def _find(self, job_id: str) -> _Row:
        row = self._rows.jobs.get(job_id)
        if row is None:
            raise no_job(job_id)
        return row

    def _as_kept(self, event: Event) -> Event:
        if event.job.id in self._rows.jobs:
            return event
        return event._replace(job=replace(event.job, payload={}))
