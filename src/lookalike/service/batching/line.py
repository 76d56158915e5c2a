"""A waiting line with an end: callers in turn, each in order, and who would stand too far back is sent away."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from lookalike.core.errors import Overloaded
from lookalike.service.asker import Asker
from lookalike.service.batching.ask import Ask
from lookalike.service.batching.pace import Pace

STUCK_S = 2.0
"""So long all threads may be taken, without one of them ending anything, before the line counts as saturated."""

_STOPPING = "nothing more can be begun, for the service is stopping; try again in a moment"

A = TypeVar("A", bound=Ask[Any])


class Share(NamedTuple):
    """How many threads one may take at a time.

    Attributes:
        caller: that one caller may have.
        collection: that may be busy with one collection.
    """

    caller: int
    collection: int


class Line(Generic[A]):
    """Where the event loop puts what threads take. Safe to use from many threads; nobody polls.

    Of those that wait, the first of the caller goes next who has the fewest threads and was served the longest ago. One
    caller may have three quarters of the places.

    Args:
        what: stands in the line, for people: "pictures".
        most: that wait; what a thread stands ready for does not count.
        most_bytes: of all that wait. A single one may be larger.
        threads: that take from it.
        share: of the threads that one may take; None for all of them.
    """

    def __init__(self, what: str, *, most: int, most_bytes: int, threads: int, share: Share | None = None) -> None:
        self._what = what
        self._most = most
        self._most_of_one = most - most // 4
        self._most_bytes = most_bytes
        self._threads = threads
        self._share = share or Share(threads, threads)
        self._changed = threading.Condition()
        self._waiting: deque[A] = deque()
        self._bytes = 0
        self._idle = 0
        self._under_way: list[A] = []
        self._heads: list[A] = []  # of those, the first that each thread at work has taken
        self._moved_at = time.monotonic()  # when one was last taken or done
        self._turn = 0
        self._served: dict[str, int] = {}  # in which turn, of callers that wait or have a thread
        self._pausing = 0  # of those under way, by threads that wait a moment for others
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
            return self._is_full(0, self._idle if self._is_open else 0)

    @property
    def is_saturated(self) -> bool:
        """Whether the next one would be sent away, or all threads have been taken for a while and none gets free."""
        with self._changed:
            is_stuck = len(self._heads) >= self._threads and time.monotonic() - self._moved_at > STUCK_S
            return is_stuck or self._is_full(0, self._idle if self._is_open else 0)

    def join(self, ask: A, *, anyway: bool = False) -> None:
        """Put one at the end.

        Args:
            ask: to be taken by a thread.
            anyway: however many there are.
        Raises:
            Overloaded: when the line is full or closed, or one caller has too many in it.
        """
        with self._changed:
            if self._is_closed:
                raise Overloaded(_STOPPING)
            ready = self._idle if self._may_have_thread(ask.asker) else 0
            if not anyway and (self._is_full(ask.size_bytes, ready) or self._has_too_many(ask.asker, ready)):
                raise Overloaded(
                    f"{len(self._waiting)} {self._what} wait already, which is the most that may"
                    "; try again in a moment",
                    retry_after_s=self._retry,
                )
            self._waiting.append(ask)
            self._bytes += ask.size_bytes
            self._changed.notify_all()

    def leave(self, ask: A) -> None:
        """Take one out that is not wanted any more. Does nothing where it was taken already."""
        with self._changed:
            if ask in self._waiting:
                self._take_out(ask)

    @contextmanager
    def standing(self, ask: A) -> Iterator[None]:
        """Have one stand in the line during the block, unless a thread takes it. Raises as `join`."""
        self.join(ask)
        try:
            yield
        finally:
            self.leave(ask)

    def take(self) -> A | None:
        """Wait for the next; None once the line is closed. `done` must follow."""
        with self._changed:
            self._idle += 1
            try:
                while (ask := self._next()) is None and not self._is_closed:
                    self._changed.wait()
            finally:
                self._idle -= 1
            if ask is None:
                return None
            self._heads.append(ask)
            return self._take(ask)

    def take_another(self, fits: Callable[[A], bool], *, own: Sequence[A], until: float) -> A | None:
        """Wait a moment for one that goes together with those that a thread has taken.

        Nobody is waited for while another thread stands idle, which would take it, or while no other thread is at work,
        whose end could bring it; nor beyond one that does not fit.

        Args:
            fits: tells whether the next may go with them.
            own: those that the thread has, at least one.
            until: `time.monotonic()` at which the moment is over.
        """
        with self._changed:
            while not self._is_closed:
                ask = self._next_beside(own[0].asker)
                if ask is not None:
                    return self._take(ask) if fits(ask) else None
                left = until - time.monotonic()
                is_alone = len(self._under_way) - self._pausing <= len(own)
                if (self._idle and self._may_have_thread(own[0].asker)) or is_alone or left <= 0:
                    return None
                self._pausing += len(own)
                self._changed.wait(left)
                self._pausing -= len(own)
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

    def done(self, asks: Sequence[A]) -> None:
        """These of those taken are done."""
        with self._changed:
            for ask in asks:
                self._under_way.remove(ask)
                if ask in self._heads:
                    self._heads.remove(ask)
                self._forget(ask.asker)
            self._moved_at = time.monotonic()
            self._changed.notify_all()

    def close(self) -> None:
        """Turn away who waits, and let nobody in any more. Idempotent."""
        with self._changed:
            self._is_closed = True
            left, self._waiting, self._bytes = self._waiting, deque(), 0
            self._changed.notify_all()
        for ask in left:
            ask.refuse(Overloaded(_STOPPING))

    def give_up(self) -> None:
        """Say of what is under way that nobody waits for it."""
        with self._changed:
            for ask in self._under_way:
                ask.leave()

    def _next(self, *, may: Callable[[Asker], bool] | None = None) -> A | None:
        """Whose turn it is, of those who may: who have not taken their share of threads already, if None."""
        may = may or self._may_have_thread
        found: tuple[tuple[int, int], A] | None = None
        for ask in self._waiting:
            name = ask.asker.name
            rank = sum(one.asker.name == name for one in self._heads), self._served.get(name, -1)
            if (found is None or rank < found[0]) and may(ask.asker):
                found = rank, ask
        return found and found[1]

    def _next_beside(self, own: Asker) -> A | None:
        """Which one a thread may take that is at work; what idle threads are about to take is left to them."""
        if self._idle and self._next() is not None:
            return self._next(may=own.__eq__) if len(self._waiting) > self._idle else None
        return self._next(may=lambda _: True)

    def _may_have_thread(self, asker: Asker) -> bool:
        """Whether a caller, and a collection, have less than their share."""
        callers = sum(one.asker.name == asker.name for one in self._heads)
        collections = sum(one.asker.collection == asker.collection for one in self._heads)
        return callers < self._share.caller and (not asker.collection or collections < self._share.collection)

    def _take(self, ask: A) -> A:
        self._take_out(ask)
        self._under_way.append(ask)
        self._turn += 1
        self._served[ask.asker.name] = self._turn
        self._moved_at = time.monotonic()
        return ask

    def _take_out(self, ask: A) -> None:
        self._waiting.remove(ask)
        self._bytes -= ask.size_bytes
        self._forget(ask.asker)

    def _forget(self, asker: Asker) -> None:
        """Keep nothing of callers for whom nothing is to be done."""
        if not any(ask.asker.name == asker.name for ask in (*self._under_way, *self._waiting)):
            self._served.pop(asker.name, None)

    @property
    def _is_open(self) -> bool:
        """Whether idle threads may take what waits."""
        return not self._waiting or self._next() is not None

    def _is_full(self, size_bytes: int, ready: int) -> bool:
        too_many = len(self._waiting) >= self._most + ready
        return too_many or (len(self._waiting) > 0 and self._bytes + size_bytes > self._most_bytes)

    def _has_too_many(self, asker: Asker, ready: int) -> bool:
        if len(self._waiting) < self._most_of_one:
            return False
        return sum(ask.asker.name == asker.name for ask in self._waiting) >= self._most_of_one + ready

    @property
    def _retry(self) -> float:
        return self.pace.retry_after_s(len(self._waiting) + len(self._under_way), threads=self._threads)
