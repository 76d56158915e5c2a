"""A waiting line with an end: first come, first served, and who would have to stand too far back is sent away."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lookalike.core.errors import Overloaded
from lookalike.service.batching.ask import Ask
from lookalike.service.batching.pace import Pace

A = TypeVar("A", bound=Ask[Any])


class Line(Generic[A]):
    """Where the event loop puts what threads take. Safe to use from many threads; nobody polls.

    Args:
        what: stands in the line, for people: "pictures".
        most: that wait; what a thread stands ready for does not count.
        most_bytes: of all that wait. A single one may be larger.
        threads: that take from it.
    """

    def __init__(self, what: str, *, most: int, most_bytes: int, threads: int) -> None:
        self._what = what
        self._most = most
        self._most_bytes = most_bytes
        self._threads = threads
        self._changed = threading.Condition()
        self._waiting: deque[A] = deque()
        self._bytes = 0
        self._idle = 0
        self._under_way = 0
        self._held_back = 0  # of those under way, by threads that wait a moment for others
        self._is_closed = False
        self.pace = Pace()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next one would be sent away."""
        with self._changed:
            return self._is_full(0)

    def join(self, ask: A) -> None:
        """Put one at the end.

        Raises:
            Overloaded: when the line is full or closed.
        """
        with self._changed:
            if self._is_closed:
                raise Overloaded("the service is stopping")
            if self._is_full(ask.size_bytes):
                raise Overloaded(
                    f"{len(self._waiting)} {self._what} wait already, which is the most that may",
                    retry_after_s=self._retry,
                )
            self._waiting.append(ask)
            self._bytes += ask.size_bytes
            self._changed.notify_all()

    def leave(self, ask: A) -> None:
        """Take one out that is not wanted any more. Does nothing where it was taken already."""
        with self._changed:
            if ask in self._waiting:
                self._waiting.remove(ask)
                self._bytes -= ask.size_bytes

    def take(self) -> A | None:
        """Wait for the first; None once the line is closed. `done` must follow."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._idle -= 1
            return self._first() if self._waiting else None

    def take_another(self, fits: Callable[[A], bool], *, own: int, until: float) -> A | None:
        """Wait a moment for one that goes together with those that a thread has taken.

        Nobody is waited for while another thread stands idle, which would take it, or while no other thread is at work,
        whose end could bring it; nor beyond one that does not fit.

        Args:
            fits: tells whether the first may go with them.
            own: how many the thread has.
            until: `time.monotonic()` at which the moment is over.
        """
        with self._changed:
            while not self._is_closed:
                if len(self._waiting) > self._idle:
                    return self._first() if fits(self._waiting[0]) else None
                left = until - time.monotonic()
                if self._idle or self._under_way - self._held_back <= own or left <= 0:
                    return None
                self._held_back += own
                self._changed.wait(left)
                self._held_back -= own
            return None

    def gather(self, count: int, *, until: float) -> None:
        """Wait until so many wait, or a moment is over.

        Args:
            count: of those that wait.
            until: `time.monotonic()` at which the moment is over.
        """
        with self._changed:
            while not self._is_closed and len(self._waiting) < count and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def done(self, count: int) -> None:
        """So many of those taken are done."""
        with self._changed:
            self._under_way -= count
            self._changed.notify_all()

    def close(self) -> list[A]:
        """Let nobody in any more. Idempotent.

        Returns:
            those that still waited.
        """
        with self._changed:
            self._is_closed = True
            left, self._waiting, self._bytes = list(self._waiting), deque(), 0
            self._changed.notify_all()
            return left

    def _first(self) -> A:
        ask = self._waiting.popleft()
        self._bytes -= ask.size_bytes
        self._under_way += 1
        return ask

    def _is_full(self, size_bytes: int) -> bool:
        too_many = len(self._waiting) >= self._most + self._idle
        return too_many or (len(self._waiting) > 0 and self._bytes + size_bytes > self._most_bytes)

    @property
    def _retry(self) -> float:
        return self.pace.retry_after_s(len(self._waiting) + self._under_way, threads=self._threads)
