"""The dispatch that tells nobody anything: workers look by the clock. It needs nothing but the jobs."""

from __future__ import annotations

import time
from collections.abc import Collection as Several
from collections.abc import Sequence

from lookalike.dispatch.base import DeadLetter, Delivery, Notice


class PollingDispatch:
    """See `lookalike.dispatch.base.Dispatch`.

    Args:
        every_s: how often an idle worker looks, in seconds. A look that finds nothing reads one index of a local file.
    """

    needs_relay = False

    def __init__(self, *, every_s: float = 0.5) -> None:
        self.look_every_s = every_s

    def publish(self, notices: Sequence[Notice]) -> None:
        """Nothing is to be told: whoever looks finds the job."""

    def set_aside(self, letter: DeadLetter) -> None:
        """There is no place for it: the job's row says it."""

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> _Clock:  # noqa: ARG002 - it tells nothing
        """One who waits."""
        return _Clock()

    def check(self) -> None:
        """There is nobody to ask."""

    def close(self) -> None:
        """There is nothing to let go of."""


class _Clock:
    def receive(self, *, wait_s: float) -> Delivery | None:
        """Nothing, after that time."""
        time.sleep(max(0.0, wait_s))
        return None

    def ack(self, delivery: Delivery) -> None:
        """There is none."""

    def nack(self, delivery: Delivery) -> None:
        """There is none."""

    def close(self) -> None:
        """There is nothing to let go of."""
