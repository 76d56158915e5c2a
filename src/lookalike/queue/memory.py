"""The queue that lives in memory: for tests, and for one process that may forget."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Several
from dataclasses import dataclass, replace
from threading import Lock

from lookalike.core.errors import NotFound, Overloaded
from lookalike.core.records import Json
from lookalike.queue import transitions
from lookalike.queue.base import Event, Job, JobState, QueueFacts
from lookalike.queue.storable import checked_word, json_copy, storable_detail


@dataclass(slots=True)
class _Kept:
    job: Job
    number: int
    key: str | None
    worker: str = ""
    lease_until: float = 0.0

    @property
    def due_at(self) -> float:
        return self.lease_until if self.job.state is JobState.RUNNING else self.job.available_at


class MemoryQueue:
    """See `lookalike.queue.base.Queue`; of one process, and forgotten with it.

    Args:
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
        clock: Unix time in seconds.
    """

    def __init__(
        self, *, max_attempts: int = 5, max_queued: int = 100_000, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_attempts = max_attempts
        self._max_queued = max_queued
        self._clock = clock
        self._mutex = Lock()
        self._kept: dict[str, _Kept] = {}  # oldest first
        self._live: dict[str, _Kept] = {}  # those that are queued or running, oldest first
        self._events: deque[Event] = deque(maxlen=transitions.KEPT_EVENTS)
        self._by_key: dict[str, str] = {}
        self._numbers = itertools.count(1)

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
        payload = json_copy(payload)
        with self._mutex:
            if key is not None and key in self._by_key:
                return self._kept[self._by_key[key]].job
            if self._count(JobState.QUEUED) >= self._max_queued:
                raise Overloaded(f"{self._max_queued} jobs wait already; try again later", retry_after_s=5.0)
            job = transitions.new(
                kind, collection=collection, payload=payload, owner=owner, delay_s=delay_s, now=self._clock()
            )
            self._kept[job.id] = self._live[job.id] = kept = _Kept(job, next(self._numbers), key)
            if key is not None:
                self._by_key[key] = job.id
            self._put(kept, job)
            return job

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, for a while; None where there is none."""
        with self._mutex:
            now = self._clock()
            due = [kept for kept in self._live.values() if kept.job.kind in kinds and kept.due_at <= now]
            for kept in [one for one in due if one.job.collection not in passing_over]:
                if kept.job.attempts >= self._max_attempts:
                    self._put(kept, transitions.lost(kept.job, now=now))
                    continue
                kept.worker, kept.lease_until = worker, now + lease_s
                return self._put(kept, transitions.begun(kept.job, now=now))
            return None

    def extend(self, job_id: str, *, worker: str, lease_s: float) -> bool:
        """Go on holding a job; False where it is no longer this worker's."""
        with self._mutex:
            kept = self._held(job_id, worker)
            if kept is not None:
                kept.lease_until = self._clock() + lease_s
            return kept is not None

    def finish(self, job_id: str, *, worker: str, result: Json) -> bool:
        """It is done; False, and nothing changed, where it is no longer this worker's."""
        result = json_copy(result)
        with self._mutex:
            kept = self._held(job_id, worker)
            if kept is not None:
                self._put(kept, transitions.done(kept.job, result=result, now=self._clock()))
            return kept is not None

    def fail(self, job_id: str, *, worker: str, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; False as in `finish`."""
        with self._mutex:
            kept = self._held(job_id, worker)
            if kept is None:
                return False
            job = transitions.failed(
                kept.job,
                code=code,
                detail=storable_detail(detail),
                retry_in_s=retry_in_s,
                max_attempts=self._max_attempts,
                now=self._clock(),
            )
            self._put(kept, job)
            return True

    def postpone(self, job_id: str, *, worker: str, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; see `Queue`."""
        with self._mutex:
            kept = self._held(job_id, worker)
            if kept is None:
                return False
            detail = storable_detail(detail)
            self._put(
                kept,
                transitions.postponed(kept.job, code=code, detail=detail, retry_in_s=retry_in_s, now=self._clock()),
            )
            return True

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again; see `Queue`."""
        with self._mutex:
            kept = self._known(job_id)
            job = transitions.again(kept.job, now=self._clock())
            if job is not kept.job:
                self._live[job_id] = kept
                self._live = dict(sorted(self._live.items(), key=lambda item: item[1].number))
                self._put(kept, job)
            return job

    def get(self, job_id: str) -> Job:
        """Look one up."""
        with self._mutex:
            return self._known(job_id).job

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
            end = None if before is None else self._known(before).number
            found = (
                kept.job
                for kept in reversed(self._kept.values())
                if (end is None or kept.number < end)
                and (collections is None or kept.job.collection in collections)
                and (state is None or kept.job.state is state)
            )
            return list(itertools.islice(found, max(0, limit)))

    def events(
        self, after: int, *, collections: Several[str] | None = None, limit: int = 200
    ) -> tuple[Sequence[Event], int]:
        """What happened after an event, oldest first, and the number of the newest that is no longer kept."""
        with self._mutex:
            gone = self._events[0].seq - 1 if self._events else 0
            found = (
                event
                for event in itertools.islice(self._events, min(max(0, after - gone), len(self._events)), None)
                if collections is None or event.job.collection in collections
            )
            return [self._as_kept(event) for event in itertools.islice(found, max(0, limit))], gone

    def last_event(self) -> int:
        """Number of the newest event; 0 where there was none."""
        with self._mutex:
            return self._events[-1].seq if self._events else 0

    def facts(self) -> QueueFacts:
        """Figures."""
        with self._mutex:
            now = self._clock()
            waits = [now - kept.job.available_at for kept in self._live.values() if kept.job.state is JobState.QUEUED]
            failed = sum(kept.job.state is JobState.FAILED for kept in self._kept.values())
            return QueueFacts(len(waits), len(self._live) - len(waits), failed, max([0.0, *waits]))

    def sweep(self, now: float) -> None:
        """Delete jobs that ended long ago; see `Queue`."""
        with self._mutex:
            for job_id, kept in list(self._kept.items()):
                kept_s = transitions.kept_s(kept.job.state)
                if kept_s is not None and kept.job.updated_at < now - kept_s:
                    del self._kept[job_id]
                    if kept.key is not None:
                        del self._by_key[kept.key]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _put(self, kept: _Kept, job: Job) -> Job:
        kept.job = job
        if job.state in (JobState.DONE, JobState.FAILED):
            del self._live[job.id]
        seq = self._events[-1].seq + 1 if self._events else 1
        self._events.append(Event(seq, transitions.event_of(job), job))
        return job

    def _held(self, job_id: str, worker: str) -> _Kept | None:
        kept = self._live.get(job_id)
        return kept if kept and kept.job.state is JobState.RUNNING and kept.worker == worker else None

    def _known(self, job_id: str) -> _Kept:
        kept = self._kept.get(job_id)
        if kept is None:
            raise NotFound(f"there is no job {job_id!r} (any more)")
        return kept

    def _count(self, state: JobState) -> int:
        return sum(kept.job.state is state for kept in self._live.values())

    def _as_kept(self, event: Event) -> Event:
        return event if event.job.id in self._kept else event._replace(job=replace(event.job, payload={}))
