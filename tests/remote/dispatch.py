"""A dispatch that behaves like a broker on another machine: late, lossy of connections, and with its own order.

What a `RemoteDispatch` may do is all that `lookalike.dispatch.base` lets an engine do, and it does it often: each call
takes a while; a connection is lost before or after the broker has done what it was asked for, also when it has taken
what is published and cannot confirm that any more; what was delivered and not acknowledged comes again, and so does,
now and then, what was acknowledged; deliveries change places, and some come late. What it has confirmed is never lost.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection as Several
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from threading import Condition

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import DeadLetter, Delivery, Notice


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often, from 0 to 1, and how long, in seconds.

    Attributes:
        latency_s: of each call, at most.
        lost: a call loses its connection, half of them after the broker has acted.
        twice: a notice is delivered twice.
        late: a notice is held back for up to `late_s`.
    """

    latency_s: float = 0.0
    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    late_s: float = 0.0


NONE = Faults()


class RemoteBroker:
    """The machine that the connections lead to; it outlives them."""

    def __init__(self, *, faults: Faults = NONE, seed: int = 0) -> None:
        self.faults = faults
        self.chance = Random(seed)
        self.changed = Condition()
        self.waiting: list[tuple[float, Notice]] = []  # from when on each may be delivered
        self.published: list[Notice] = []
        self.confirmed: list[Notice] = []
        self.delivered: list[Notice] = []
        self.dead: list[DeadLetter] = []
        self.tags = itertools.count(1)
        self.is_down = False

    def keep(self, notices: Sequence[Notice]) -> None:
        """Take notices in, some of them twice, some for later, anywhere in the order."""
        with self.changed:
            for notice in notices:
                for _ in range(2 if self.happens(self.faults.twice) else 1):
                    late_s = self.chance.uniform(0, self.faults.late_s) if self.happens(self.faults.late) else 0.0
                    at = self.chance.randint(0, len(self.waiting)) if self.faults is not NONE else len(self.waiting)
                    self.waiting.insert(at, (time.monotonic() + late_s, notice))
            self.changed.notify_all()

    def take(self, kinds: frozenset[str]) -> Notice | None:
        """The first that may be delivered; the lock is held."""
        now = time.monotonic()
        for at, (since, notice) in enumerate(self.waiting):
            if notice.kind in kinds and since <= now:
                del self.waiting[at]
                self.delivered.append(notice)
                return notice
        return None

    def happens(self, how_often: float) -> bool:
        """Whether it does this time."""
        return self.chance.random() < how_often


class RemoteDispatch:
    """See `lookalike.dispatch.base.Dispatch`: one process's way to a broker.

    Args:
        broker: that several may share.
        look_every_s: as of `Dispatch`.
    """

    needs_relay = True

    def __init__(self, broker: RemoteBroker, *, look_every_s: float = 30.0) -> None:
        self.look_every_s = look_every_s
        self._broker = broker
        self._is_closed = False

    def publish(self, notices: Sequence[Notice]) -> None:
        """Have consumers told; see `Dispatch`."""
        broker, half = self._broker, len(notices) // 2
        self._travel()
        for some in (notices[:half], notices[half:]):
            broker.keep(some)
            broker.published.extend(some)
            self._travel()  # after some were taken
        broker.confirmed.extend(notices)

    def set_aside(self, letter: DeadLetter) -> None:
        """Keep it for people; see `Dispatch`."""
        self._travel()
        self._broker.dead.append(letter)
        self._travel()

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> RemoteConsumer:
        """One who receives notices of these kinds; see `Dispatch`."""
        self._travel()
        return RemoteConsumer(self, frozenset(kinds), prefetch)

    def check(self) -> None:
        """Ask the broker."""
        self._travel()

    def close(self) -> None:
        """No call leads anywhere any more. Idempotent."""
        self._is_closed = True

    def _travel(self) -> None:
        faults = self._broker.faults
        time.sleep(self._broker.chance.uniform(0, faults.latency_s))
        if self._is_closed or self._broker.is_down or self._broker.happens(faults.lost):
            raise ServiceDown("the connection to the broker is lost: make another one")


class RemoteConsumer:
    """See `lookalike.dispatch.base.Consumer`. Once its connection is lost, all that it has in hand goes back."""

    def __init__(self, dispatch: RemoteDispatch, kinds: frozenset[str], prefetch: int) -> None:
        self._dispatch = dispatch
        self._broker = dispatch._broker
        self._kinds = kinds
        self._prefetch = prefetch
        self._in_hand: dict[str, Notice] = {}
        self._is_lost = False

    def receive(self, *, wait_s: float) -> Delivery | None:
        """Wait until there is a notice; see `Consumer`."""
        self._travel()
        end, broker = time.monotonic() + wait_s, self._broker
        with broker.changed:
            while True:
                notice = broker.take(self._kinds) if len(self._in_hand) < self._prefetch else None
                if notice is not None:
                    delivery = Delivery(notice, str(next(broker.tags)))
                    self._in_hand[delivery.tag] = notice
                    break
                left_s = end - time.monotonic()
                if left_s <= 0:
                    return None
                broker.changed.wait(min(left_s, 0.01))
        self._travel()  # it was delivered, and never arrives
        return delivery

    def ack(self, delivery: Delivery) -> None:
        """It is not delivered again, unless the broker never hears of this."""
        self._travel()
        self._in_hand.pop(delivery.tag, None)
        self._travel()

    def nack(self, delivery: Delivery) -> None:
        """It is delivered again."""
        self._travel()
        notice = self._in_hand.pop(delivery.tag, None)
        if notice is not None:
            self._broker.keep([notice])

    def close(self) -> None:
        """What it has in hand goes back. Idempotent."""
        self._is_lost = True
        in_hand, self._in_hand = list(self._in_hand.values()), {}
        self._broker.keep(in_hand)

    def _travel(self) -> None:
        if self._is_lost:
            raise ServiceDown("the connection to the broker was lost: make another consumer")
        try:
            self._dispatch._travel()
        except ServiceDown:
            self.close()
            raise
