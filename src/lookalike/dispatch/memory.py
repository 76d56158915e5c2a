"""The dispatch in memory: for tests, and for workers in the process that puts jobs in. Notices end with the process."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Collection as Several
from collections.abc import Sequence
from threading import Condition

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import DeadLetter, Delivery, Notice

_MOST_DEAD = 100


class MemoryDispatch:
    """See `lookalike.dispatch.base.Dispatch`. Delivers in order, each notice once, unless it comes back.

    Args:
        look_every_s: as of `Dispatch`; for notices that ended with a process before this one.

    Attributes:
        dead: what was set aside last.
    """

    needs_relay = True

    def __init__(self, *, look_every_s: float = 30.0) -> None:
        self.look_every_s = look_every_s
        self._changed = Condition()
        self._waiting: deque[Notice] = deque()
        self._tags = itertools.count(1)
        self._is_closed = False
        self.dead: deque[DeadLetter] = deque(maxlen=_MOST_DEAD)

    def publish(self, notices: Sequence[Notice]) -> None:
        """Have consumers told; see `Dispatch`."""
        with self._changed:
            self._check_open()
            self._waiting.extend(notices)
            self._changed.notify_all()

    def set_aside(self, letter: DeadLetter) -> None:
        """Keep it in `dead`; see `Dispatch`."""
        with self._changed:
            self._check_open()
            self.dead.append(letter)

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> MemoryConsumer:
        """One who receives notices of these kinds; see `Dispatch`."""
        with self._changed:
            self._check_open()
        return MemoryConsumer(self, frozenset(kinds), prefetch)

    def check(self) -> None:
        """It is always there, until it is closed."""
        with self._changed:
            self._check_open()

    def close(self) -> None:
        """Whoever waits is told that nothing comes any more. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ServiceDown("notices cannot be told, for this dispatch was closed: open another one")

    def _take(self, kinds: frozenset[str]) -> Delivery | None:
        for at, notice in enumerate(self._waiting):
            if notice.kind in kinds:
                del self._waiting[at]
                return Delivery(notice, str(next(self._tags)))
        return None


class MemoryConsumer:
    """See `lookalike.dispatch.base.Consumer`; made by `MemoryDispatch.consumer`."""

    def __init__(self, dispatch: MemoryDispatch, kinds: frozenset[str], prefetch: int) -> None:
        self._dispatch = dispatch
        self._kinds = kinds
        self._prefetch = prefetch
        self._in_hand: dict[str, Notice] = {}

    def receive(self, *, wait_s: float) -> Delivery | None:
        """Wait until there is a notice; see `Consumer`."""
        dispatch, end = self._dispatch, time.monotonic() + wait_s
        with dispatch._changed:
            while True:
                dispatch._check_open()
                delivery = dispatch._take(self._kinds) if len(self._in_hand) < self._prefetch else None
                if delivery is not None:
                    self._in_hand[delivery.tag] = delivery.notice
                    return delivery
                left_s = end - time.monotonic()
                if left_s <= 0:
                    return None
                dispatch._changed.wait(left_s)

    def ack(self, delivery: Delivery) -> None:
        """It is not delivered again."""
        with self._dispatch._changed:
            self._in_hand.pop(delivery.tag, None)

    def nack(self, delivery: Delivery) -> None:
        """It is delivered again, before what was published later."""
        with self._dispatch._changed:
            notice = self._in_hand.pop(delivery.tag, None)
            if notice is not None:
                self._dispatch._waiting.appendleft(notice)
                self._dispatch._changed.notify_all()

    def close(self) -> None:
        """What it has in hand goes back. Idempotent."""
        with self._dispatch._changed:
            self._dispatch._waiting.extendleft(reversed(self._in_hand.values()))
            self._in_hand.clear()
            self._dispatch._changed.notify_all()
