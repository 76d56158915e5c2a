"""What is done to jobs that an engine keeps as rows: the same for all of them; only statements differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Collection as Several
from dataclasses import dataclass
from typing import Protocol

from lookalike.core.errors import NotFound
from lookalike.core.records import Json
from lookalike.jobs import transitions
from lookalike.jobs.base import Job
from lookalike.jobs.storable import check_job, json_text, storable_detail


@dataclass(frozen=True, slots=True)
class Terms:
    """How an engine was set up.

    Attributes:
        max_attempts: how often a job is begun before it is given up.
        max_queued: jobs that may wait.
    """

    max_attempts: int
    max_queued: int


class JobTable(Protocol):
    """The rows, within a transaction. What it finds for a change stays as it is until the transaction has ended."""

    def now(self) -> float:
        """Unix time in seconds, the same for all who share the rows; not before what was found last."""
        ...

    def find(self, job_id: str) -> Job | None:
        """A job, for a change; None where there is none (any more)."""
        ...

    def find_by_key(self, key: str) -> Job | None:
        """The job that was put in under a key."""
        ...

    def find_due(self, kinds: Several[str], passing_over: Several[str]) -> Job | None:
        """The oldest that may be begun, for a change; see `JobChanges.claim`."""
        ...

    def find_leased(self, job_id: str, lease: int) -> Job | None:
        """A job that runs under this lease, for a change."""
        ...

    def count_queued(self) -> int:
        """How many wait."""
        ...

    def insert(self, job: Job, *, key: str | None) -> bool:
        """Put a new job in, with its event and its row of the outbox; False where another has that key by now."""
        ...

    def update(self, job: Job, *, worker: str = "", lease_until: float | None = None) -> None:
        """Put a changed job in the place of the old one, with its event; it is in the outbox while it waits."""
        ...

    def lease(self, job_id: str, *, until: float) -> None:
        """Let the lease of a job that was found last until then; Unix time in seconds."""
        ...


class Changes:
    """Keeps `lookalike.jobs.base.JobChanges` over rows; all is committed or undone with their transaction.

    Args:
        table: the rows.
        terms: of the engine.
    """

    def __init__(self, table: JobTable, terms: Terms) -> None:
        self._table = table
        self._terms = terms

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
        while True:
            there = None if key is None else self._table.find_by_key(key)
            if there is not None:
                return there
            transitions.check_room(self._table.count_queued(), max_queued=self._terms.max_queued)
            now = self._table.now()
            job = transitions.new(kind, collection=collection, payload=payload, owner=owner, delay_s=delay_s, now=now)
            if self._table.insert(job, key=key):
                return job

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; see `JobChanges`."""
        while (found := self._table.find_due(kinds, passing_over)) is not None:
            now = self._table.now()
            if found.attempts < self._terms.max_attempts:
                job = transitions.begin(found, now=now)
                self._table.update(job, worker=worker, lease_until=now + lease_s)
                return job
            self._table.update(transitions.give_up(found, now=now))
        return None

    def extend(self, job_id: str, *, lease: int, lease_s: float) -> bool:
        """Let a lease last for so many seconds from now; see `JobChanges`."""
        leased = self._table.find_leased(job_id, lease)
        if leased is not None:
            self._table.lease(leased.id, until=self._table.now() + lease_s)
        return leased is not None

    def finish(self, job_id: str, *, lease: int, result: Json) -> bool:
        """It is done; see `JobChanges`."""
        json_text(result)  # refused before anything is begun
        return self._change(job_id, lease, lambda job, now: transitions.finish(job, result=result, now=now))

    def fail(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; see `JobChanges`."""

        def fail(job: Job, now: float) -> Job:
            return transitions.fail(
                job,
                code=code,
                detail=storable_detail(detail),
                retry_in_s=retry_in_s,
                max_attempts=self._terms.max_attempts,
                now=now,
            )

        return self._change(job_id, lease, fail)

    def postpone(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; see `JobChanges`."""
        detail = storable_detail(detail)
        return self._change(
            job_id,
            lease,
            lambda job, now: transitions.postpone(job, code=code, detail=detail, retry_in_s=retry_in_s, now=now),
        )

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again; see `JobChanges`."""
        before = self.get(job_id)
        job = transitions.again(before, now=self._table.now())
        if job is not before:
            self._table.update(job)
        return job

    def get(self, job_id: str) -> Job:
        """Look one up."""
        found = self._table.find(job_id)
        if found is None:
            raise no_job(job_id)
        return found

    def _change(self, job_id: str, lease: int, change: Callable[[Job, float], Job]) -> bool:
        leased = self._table.find_leased(job_id, lease)
        if leased is not None:
            self._table.update(change(leased, self._table.now()))
        return leased is not None


def no_job(job_id: str) -> NotFound:
    """The error for a job that is not there."""
    return NotFound(f"there is no job {job_id!r} (any more): list those that are kept with `lookalike jobs`")
