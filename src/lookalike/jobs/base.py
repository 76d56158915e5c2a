"""The promise of jobs: what is to be done, by whom asked, and how it stands.

A job is a row. It is put in within the transaction that changes what it is about (`lookalike.ledger.base`), so neither
is there without the other. Who is woken to do it is no affair of the row (`lookalike.dispatch`): a worker that was told
of a job, told twice, or told nothing looks here, and to claim the row decides who does it.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from lookalike.core.records import Json


class JobState(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to be done.

    Attributes:
        id: random, 32 lower-case hexadecimal digits.
        kind: a word such as `verify_upload`, for which a worker has a handler.
        collection: name of the one that it is about.
        payload: what the handler needs.
        owner: name of who asked for it.
        state: how it stands.
        attempts: how often it was tried: begun, and not postponed.
        postponed: how often it was put off because it could not be tried.
        lease: number of the lease under which it was claimed last; each claim of it has a larger one. 0 before.
        created_at, updated_at, available_at: Unix time in seconds; it is not begun before `available_at`.
        result: what the handler gave; None before.
        code, detail: of the last error; '' where there was none.
    """

    id: str
    kind: str
    collection: str
    payload: Mapping[str, Json]
    owner: str = ""
    state: JobState = JobState.QUEUED
    attempts: int = 0
    postponed: int = 0
    lease: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    available_at: float = 0.0
    result: Json = None
    code: str = ""
    detail: str = ""


class Event(NamedTuple):
    """Something that happened to a job.

    Attributes:
        seq: a growing number, without a gap while it is kept; of one job in the order in which it happened, of several
            in that in which it could first be read, for what is written early may be committed late.
        event: `job.queued`, `job.running`, `job.done` or `job.failed`.
        job: as it stood then; its payload is empty once the job itself is no longer kept.
    """

    seq: int
    event: str
    job: Job


class JobFacts(NamedTuple):
    """Figures about jobs.

    Attributes:
        queued, running, failed: jobs.
        oldest_s: how long one that may be begun has waited for a worker at most, in seconds; 0 where there is none.
    """

    queued: int
    running: int
    failed: int
    oldest_s: float


class OutboxRow(NamedTuple):
    """Something that workers are to be told of.

    Attributes:
        number: grows; no other row ever has it.
        job_id: of the job that waits.
        kind: of that job.
    """

    number: int
    job_id: str
    kind: str


class JobChanges(Protocol):
    """What is done to jobs. A call is durable when it returns, or, within a transaction, when that is committed."""

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
        """Put a job in, and a row into the outbox.

        Args:
            kind: a word for which a worker has a handler.
            collection: name of the one that it is about.
            payload: what the handler needs; JSON.
            owner: name of who asks for it.
            key: what it is about, so that the same is not put in twice: where a job with this key is there (ended ones
                included, as long as they are kept), that one is given back.
            delay_s: it is not begun before so many seconds have passed.
        Returns:
            the new job, or the one that is there.
        Raises:
            Overloaded: when too many wait.
            BadInput: when the payload is no JSON, or a word is no Unicode text or has a NUL.
        """
        ...

    def claim(self, kinds: Several[str], *, worker: str, lease_s: float, passing_over: Several[str] = ()) -> Job | None:
        """Take the oldest job that may be begun, under a lease; None where there is none.

        A job whose lease has ended, because its worker died, is one that may be begun. One that was tried
        `max_attempts` times (set where the engine is made) is failed instead, with the code `gave_up`.

        Args:
            kinds: only those.
            worker: a name, for people.
            lease_s: how long nobody else can claim it, in seconds.
            passing_over: names of collections whose jobs are left where they are.
        Returns:
            the job; its `lease` is to be shown with all that is said of it.
        """
        ...

    def extend(self, job_id: str, *, lease: int, lease_s: float) -> bool:
        """Let a lease last for so many seconds from now; False where another has claimed the job since."""
        ...

    def finish(self, job_id: str, *, lease: int, result: Json) -> bool:
        """It is done; False, and nothing changed, where another has claimed the job since, or it has ended.

        A lease whose time is over is good until somebody else claims the job.

        Raises:
            BadInput: when the result is no JSON; nothing is changed then.
        """
        ...

    def fail(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float | None) -> bool:
        """It did not work: try again later, or, with None, never; False as in `finish`.

        After the last of `max_attempts` it is not tried again: it is failed with the code `gave_up`, and its detail
        says what went wrong last.
        """
        ...

    def postpone(self, job_id: str, *, lease: int, code: str, detail: str, retry_in_s: float) -> bool:
        """It could not be tried, which does not count; it may be begun again later; False as in `finish`."""
        ...

    def retry(self, job_id: str) -> Job:
        """Put a failed job in again, as if it had never been tried; one that waits or runs stays as it is.

        Returns:
            the job as it stands then.
        Raises:
            NotFound: when there is none (any more).
            Conflict: `job_state`, when it is done.
        """
        ...

    def get(self, job_id: str) -> Job:
        """Look one up.

        Raises:
            NotFound: when there is none (any more).
        """
        ...


class Jobs(JobChanges, Protocol):
    """Safe to use from many threads and processes."""

    def jobs(
        self,
        *,
        collections: Several[str] | None = None,
        state: JobState | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first.

        Args:
            collections: only theirs; None for all.
            state: only those that stand so.
            before: the id of a job: only older ones.
            limit: at most so many.
        Raises:
            NotFound: when there is no job `before` (any more).
        """
        ...

    def events(
        self, after: int, *, collections: Several[str] | None = None, limit: int = 200
    ) -> tuple[Sequence[Event], int]:
        """What happened after an event, oldest first; the last 10,000 are kept.

        Who goes on from the last number that they have seen misses nothing, whoever commits whatever how late.

        Returns:
            the events, and the number of the newest event that is no longer kept (0 where all are): where it is
            larger than `after`, some were missed.
        """
        ...

    def last_event(self) -> int:
        """Number of the newest event; 0 where there was none."""
        ...

    def outbox(self, *, limit: int = 100) -> list[OutboxRow]:
        """What workers are to be told of by now, first what has waited longest.

        A row is written with each change by which a job comes to wait (put in, put back, put in again). It is due when
        the job may be begun, and goes when the job is claimed or has ended, or by `published`.
        """
        ...

    def note_published(self, rows: Several[OutboxRow]) -> None:
        """Delete rows of which workers were told; later ones of the same jobs stay. Idempotent."""
        ...

    def facts(self) -> JobFacts:
        """Figures, cheap."""
        ...

    def sweep(self, now: float) -> None:
        """Delete jobs that were done more than seven days ago, or failed more than thirty days ago."""
        ...
