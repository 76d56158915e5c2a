"""What is told of jobs by NOTIFY, and where: a hint, for who hears nothing looks now and then."""

from __future__ import annotations

from typing import NamedTuple

SCHEMA = "lookalike_ledger"
"""In which the tables of a ledger and its jobs are, where nothing else is said."""


class Waiting(NamedTuple):
    """A job that has come to wait.

    Attributes:
        job_id: of the job.
        kind: of it.
        delay_s: after which it may be begun, in seconds.
    """

    job_id: str
    kind: str
    delay_s: float


def channel_of(schema: str) -> str:
    """The channel for the jobs of a ledger."""
    return f"{schema}_jobs"


def notice_text(waiting: Waiting) -> str:
    """What is told of a job that has come to wait: how long it does, not until when, for clocks differ."""
    return f"{waiting.delay_s:.3f} {waiting.job_id} {waiting.kind}"


def waiting_of(text: str) -> Waiting | None:
    """What `notice_text` was given; None for what is something else, as another version may tell."""
    delay, _, rest = text.partition(" ")
    job_id, _, kind = rest.partition(" ")
    try:
        return Waiting(job_id, kind, max(0.0, float(delay)))
    except ValueError:
        return None
