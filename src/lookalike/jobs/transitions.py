"""How a job changes, as pure functions: every engine keeps what these give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex

from lookalike.core.errors import Conflict, Overloaded
from lookalike.core.records import Json
from lookalike.jobs.base import Job, JobState

KEPT_EVENTS = 10_000
KEPT_DONE_S = 7 * 24 * 3600.0
KEPT_FAILED_S = 30 * 24 * 3600.0
"""So long a failed job can be put in again."""

GAVE_UP = "gave_up"


def check_room(queued: int, *, max_queued: int) -> None:
    """Refuse one more where too many wait.

    Args:
        queued: so many wait.
        max_queued: so many may.
    Raises:
        Overloaded: when there is no room for another.
    """
    if queued >= max_queued:
        raise Overloaded(
            f"expected at most {max_queued} jobs to wait, got one more: try again later", retry_after_s=5.0
        )


def new(kind: str, *, collection: str, payload: Mapping[str, Json], owner: str, delay_s: float, now: float) -> Job:
    """A job that was never begun, with a random id."""
    return Job(
        id=token_hex(16),
        kind=kind,
        collection=collection,
        payload=payload,
        owner=owner,
        created_at=now,
        updated_at=now,
        available_at=now + max(0.0, delay_s),
    )


def begin(job: Job, *, now: float) -> Job:
    """A worker has claimed it: a new attempt, under a new lease."""
    return replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, lease=job.lease + 1, updated_at=now)


def give_up(job: Job, *, now: float) -> Job:
    """It was tried as often as it may be, and the last worker did not come back."""
    detail = f"tried {job.attempts} times, and the last worker did not come back"
    return replace(job, state=JobState.FAILED, code=GAVE_UP, detail=detail, updated_at=now)


def finish(job: Job, *, result: Json, now: float) -> Job:
    """A handler gave its result."""
    return replace(job, state=JobState.DONE, result=result, updated_at=now)


def fail(job: Job, *, code: str, detail: str, retry_in_s: float | None, max_attempts: int, now: float) -> Job:
    """A handler did not succeed: queued again, or failed for good where there is no retry or no attempt left."""
    if retry_in_s is None:
        return replace(job, state=JobState.FAILED, code=code, detail=detail, updated_at=now)
    if job.attempts >= max_attempts:
        detail = f"tried {job.attempts} times; the last time: {code}: {detail}"
        return replace(job, state=JobState.FAILED, code=GAVE_UP, detail=detail, updated_at=now)
    available_at = now + max(0.0, retry_in_s)
    return replace(job, state=JobState.QUEUED, code=code, detail=detail, available_at=available_at, updated_at=now)


def postpone(job: Job, *, code: str, detail: str, retry_in_s: float, now: float) -> Job:
    """It was begun and could not be tried: as if it had not been begun, but for later."""
    return replace(
        job,
        state=JobState.QUEUED,
        attempts=max(0, job.attempts - 1),
        postponed=job.postponed + 1,
        code=code,
        detail=detail,
        available_at=now + max(0.0, retry_in_s),
        updated_at=now,
    )


def again(job: Job, *, now: float) -> Job:
    """A job that failed is put in once more; what went wrong last is still told. One that waits or runs stays.

    Raises:
        Conflict: `job_state`, when it is done.
    """
    if job.state is JobState.DONE:
        raise Conflict(
            f"the job {job.id} is done; only one that failed can be put in again: see those with `lookalike jobs`",
            code="job_state",
        )
    if job.state is not JobState.FAILED:
        return job
    return replace(job, state=JobState.QUEUED, attempts=0, postponed=0, available_at=now, updated_at=now)


def kept_s(state: JobState) -> float | None:
    """How long a job that stands so is kept, in seconds; None for ever."""
    return {JobState.DONE: KEPT_DONE_S, JobState.FAILED: KEPT_FAILED_S}.get(state)


def event_of(job: Job) -> str:
    """The word for what has just happened to a job."""
    return f"job.{job.state}"
