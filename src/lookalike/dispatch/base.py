"""The promise of a dispatch: somebody who can do a job is woken when there is one.

A notice says that a job may be begun, and nothing more. Whoever is woken claims a job (`lookalike.jobs.base`), and the
row decides who gets which: so a notice that comes twice, out of order, or when its job is long done costs a look, and
one that is lost costs time: a worker also looks by itself, every `look_every_s`.

That is what a broker on another machine can keep. For RabbitMQ (`dispatch/rabbitmq/`): a durable quorum queue for each
kind; `publish` with publisher confirms, mandatory and persistent; a consumer is a channel with `prefetch`; what a lost
connection leaves unacknowledged is delivered again. A worker acknowledges when it has done what it found, so that a
busy one keeps no notice from an idle one. Notices that are due later are not published before (`Jobs.outbox`), so it
needs no delayed messages.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Notice(NamedTuple):
    """That a job may be begun.

    Attributes:
        job_id: of the job that it was published for.
        kind: of that job; consumers ask for kinds.
    """

    job_id: str
    kind: str


class Delivery(NamedTuple):
    """A notice in the hands of a consumer.

    Attributes:
        notice: what was published.
        tag: names the delivery to the consumer that received it.
    """

    notice: Notice
    tag: str


class DeadLetter(NamedTuple):
    """A notice whose job was given up, and why: for people, who find it where the broker keeps such.

    Attributes:
        notice: of that job.
        code, detail: as the job's row has them.
        attempts: how often it was tried.
        trace: where it went wrong the last time, for developers; '' where that is not known.
    """

    notice: Notice
    code: str
    detail: str
    attempts: int
    trace: str = ""


class Consumer(Protocol):
    """One who is woken; belongs to one thread."""

    def receive(self, *, wait_s: float) -> Delivery | None:
        """Wait until there is a notice, at most for so many seconds; None where there was none.

        At most `prefetch` are with a consumer that it has neither acknowledged nor given back; with as many it waits in
        vain.

        Raises:
            ServiceDown: when the broker is not reached; another consumer is to be made then.
        """
        ...

    def ack(self, delivery: Delivery) -> None:
        """It need not be delivered again. Idempotent.

        Raises:
            ServiceDown: when the broker is not reached: it may be delivered again.
        """
        ...

    def nack(self, delivery: Delivery) -> None:
        """It is to be delivered again, to anybody. Idempotent.

        One that comes back again and again may be set aside in the end: its job is found by a look.

        Raises:
            ServiceDown: when the broker is not reached: it is delivered again all the same.
        """
        ...

    def close(self) -> None:
        """What it has neither acknowledged nor given back is delivered again, to others. Idempotent; raises nothing."""
        ...


class Dispatch(Protocol):
    """Safe to use from many threads and processes."""

    @property
    def look_every_s(self) -> float:
        """How often a worker is to look for jobs though it was told of none, in seconds."""
        ...

    @property
    def needs_relay(self) -> bool:
        """Whether somebody has to publish what is in the outbox.

        False where nobody is told anything, or the jobs tell by themselves; `publish` does nothing then, and a notice
        may be lost: workers look by themselves.
        """
        ...

    def publish(self, notices: Sequence[Notice]) -> None:
        """Have consumers told. What was confirmed is delivered at least once, however many processes or machines die.

        Returns when all are confirmed.

        Raises:
            ServiceDown: when not all were confirmed in time; each may have been taken, and is to be published again.
        """
        ...

    def set_aside(self, letter: DeadLetter) -> None:
        """Keep for people that a job was given up, where there is a place for such; it is delivered to no consumer.

        The job's row says the same, so nothing depends on it.

        Raises:
            ServiceDown: when that was not confirmed in time.
        """
        ...

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> Consumer:
        """One who receives notices of these kinds. Each notice goes to one of the consumers of its kind.

        Args:
            kinds: only those.
            prefetch: how many notices it may have in hand.
        Raises:
            ServiceDown: when the broker is not reached.
        """
        ...

    def check(self) -> None:
        """See that consumers can be told.

        Raises:
            ServiceDown: when the broker is not reached; where there is none, never.
        """
        ...

    def close(self) -> None:
        """Let go of connections. Idempotent; raises nothing."""
        ...
