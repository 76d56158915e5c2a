"""What whoever runs the service sees of its jobs, and putting in again those that failed."""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from lookalike.core.errors import Conflict, NotFound
from lookalike.jobs.base import Job, Jobs, JobState
from lookalike.ledger.base import Ledger, Upload

UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.FAILED)
"""How jobs stand that wait for something: a worker, or somebody."""


class ListedJob(NamedTuple):
    """A job and what it is about.

    Attributes:
        job: as it stands.
        upload: that it is to take in; None where it is not known (any more).
    """

    job: Job
    upload: Upload | None


def list_jobs(
    ledger: Ledger, *, states: Sequence[JobState], collections: Several[str] | None, limit: int
) -> list[ListedJob]:
    """The newest jobs first.

    Args:
        ledger: has them, and knows their uploads.
        states: only those that stand so.
        collections: only theirs; None for all.
        limit: at most so many.
    """
    found = [job for state in states for job in ledger.jobs.jobs(collections=collections, state=state, limit=limit)]
    newest = sorted(found, key=lambda job: job.created_at, reverse=True)[:limit]
    return [ListedJob(job, _upload(job, ledger)) for job in newest]


def retry_all(jobs: Jobs, *, collections: Several[str] | None) -> list[Job]:
    """Put all failed jobs in again.

    Returns:
        them, as they stand then.
    """
    retried = []
    for job in list(_list_failed(jobs, collections)):
        with suppress(Conflict, NotFound):  # somebody else was quicker, or it is not kept any more
            retried.append(jobs.retry(job.id))
    return retried


def _list_failed(jobs: Jobs, collections: Several[str] | None) -> Iterator[Job]:
    before = None
    while found := jobs.jobs(collections=collections, state=JobState.FAILED, before=before, limit=500):
        yield from found
        before = found[-1].id


def _upload(job: Job, ledger: Ledger) -> Upload | None:
    try:
        return ledger.upload(str(job.payload.get("upload_id")))
    except NotFound:
        return None
