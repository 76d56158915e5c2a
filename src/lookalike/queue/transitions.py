"""How a job changes, as pure functions: every engine keeps what these give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex

from lookalike.core.records import Json
from lookalike.queue.base import Job, JobState

KEPT_EVENTS = 10_000
KEPT_ENDED_S = 7 * 24 * 3600.0

GAVE_UP = "gave_up"


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


def begun(job: Job, *, now: float) -> Job:
    """A worker took it."""
    return replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, updated_at=now)


def lost(job: Job, *, now: float) -> Job:
    """It was begun as often as it may be, and the last worker did not come back."""
    detail = f"begun {job.attempts} times, and the last worker did not come back"
    return replace(job, state=JobState.FAILED, code=GAVE_UP, detail=detail, updated_at=now)


def done(job: Job, *, result: Json, now: float) -> Job:
    """A handler gave its result."""
    return replace(job, state=JobState.DONE, result=result, updated_at=now)


def failed(job: Job, *, code: str, detail: str, retry_in_s: float | None, max_attempts: int, now: float) -> Job:
    """A handler did not succeed: queued again, or failed for good where there is no retry or no attempt left."""
    if retry_in_s is None:
        return replace(job, state=JobState.FAILED, code=code, detail=detail, updated_at=now)
    if job.attempts >= max_attempts:
        detail = f"begun {job.attempts} times; the last time: {code}: {detail}"
        return replace(job, state=JobState.FAILED, code=GAVE_UP, detail=detail, updated_at=now)
    available_at = now + max(0.0, retry_in_s)
    return replace(job, state=JobState.QUEUED, code=code, detail=detail, available_at=available_at, updated_at=now)


def event_of(job: Job) -> str:
    """The word for what has just happened to a job."""
    return f"job.{job.state}"
