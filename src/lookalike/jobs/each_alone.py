"""Changes of jobs that are each committed by themselves: the same for all engines that keep jobs as rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from collections.abc import Collection as Several
from typing import TypeVar

from lookalike.core.records import Json
from lookalike.jobs.base import Job, JobChanges

T = TypeVar("T")


class EachChangeAlone(ABC):
    """The part of `lookalike.jobs.base.Jobs` that changes something, each call in a transaction of its own."""

    @abstractmethod
    def _commit(self, block: Callable[[JobChanges], T]) -> T:
        """Run a block in a transaction, and commit that; what the block gave back."""

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
        return self._commit(
            lambda jobs: jobs.enqueue(
                kind, collection=collection, payload=payload, owner=owner, key=key, delay_s=delay_s
            )
        )

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; see `JobChanges`."""
        return self._commit(lambda jobs: jobs.claim(kinds, worker=worker, lease_s=lease_s, passing_over=passing_over))

    def extend(self, job_id: str, *, lease: int, lease_s: float) -> bool:
        """Let a lease last for so many seconds from now; see `JobChanges`."""
        return self._commit(lambda jobs: jobs.extend(job_id, lease=lease, lease_s=lease_s))

    def finish(self, job_id: str, *, lease: int, result: Json) -> bool:
        """It is done; see `JobChanges`."""
        return self._commit(lambda jobs: jobs.finish(job_id, lease=lease, result=result))

    def fail(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; see `JobChanges`."""
        return self._commit(
            lambda jobs: jobs.fail(job_id, lease=lease, code=code, detail=detail, retry_in_s=retry_in_s)
        )

    def postpone(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; see `JobChanges`."""
        return self._commit(
            lambda jobs: jobs.postpone(job_id, lease=lease, code=code, detail=detail, retry_in_s=retry_in_s)
        )

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again; see `JobChanges`."""
        return self._commit(lambda jobs: jobs.retry(job_id))
