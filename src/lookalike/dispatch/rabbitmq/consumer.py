"""A consumer: the broker pushes notices to it as they come, and a thread of ours takes them when it has time."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from threading import Condition
from typing import Protocol

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import Delivery, Notice

_log = logging.getLogger(__name__)


class Arrivals:
    """Messages that have come and were not taken yet; put in on the event loop, taken on another thread."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.waiting: deque[AbstractIncomingMessage] = deque()
        self.is_lost = False
        self.cause: BaseException | None = None

    async def put(self, message: AbstractIncomingMessage) -> None:
        """One has come."""
        with self.changed:
            self.waiting.append(message)
            self.changed.notify_all()

    def lose(self, cause: BaseException | None) -> None:
        """Nothing comes any more, and what waits was given to others."""
        with self.changed:
            if not self.is_lost:
                self.is_lost, self.cause = True, cause
            self.waiting.clear()
            self.changed.notify_all()


class Caller(Protocol):
    """Has something done on the event loop, and translates what goes wrong."""

    def __call__(self, make: Callable[[], Awaitable[object]]) -> object:
        """Wait until it is done."""
        ...


class RabbitConsumer:
    """See `lookalike.dispatch.base.Consumer`; made by `RabbitDispatch.consumer`.

    Of several kinds one notice each may be on its way here beside those in hand, for a quorum queue counts what one
    consumer has of one queue alone.

    Args:
        channel: that it consumes on.
        arrivals: what comes on it.
        prefetch: how many it may have in hand.
        call: reaches the event loop.
        lost: the error to raise once nothing comes any more, by its cause.
    """

    def __init__(
        self,
        channel: AbstractChannel,
        arrivals: Arrivals,
        *,
        prefetch: int,
        call: Caller,
        lost: Callable[[BaseException | None], ServiceDown],
    ) -> None:
        self._channel = channel
        self._arrivals = arrivals
        self._prefetch = prefetch
        self._call = call
        self._lost = lost
        self._in_hand: dict[str, AbstractIncomingMessage] = {}

    def receive(self, *, wait_s: float) -> Delivery | None:
        """Wait until there is a notice; see `Consumer`."""
        end = time.monotonic() + wait_s
        while (message := self._take(end)) is not None:
            notice = _read_notice(message)
            if notice is not None:
                tag = str(message.delivery_tag)
                self._in_hand[tag] = message
                return Delivery(notice, tag)
            _log.warning("a message in %s is no notice of ours, and is set aside there", message.routing_key)
            self._reject(message)
        return None

    def ack(self, delivery: Delivery) -> None:
        """It is not delivered again; see `Consumer`."""
        self._check()
        message = self._in_hand.pop(delivery.tag, None)
        if message is not None:
            self._call(message.ack)

    def nack(self, delivery: Delivery) -> None:
        """It is delivered again; see `Consumer`."""
        self._check()
        message = self._in_hand.pop(delivery.tag, None)
        if message is not None:
            self._call(message.nack)

    def close(self) -> None:
        """What it has in hand goes back. Idempotent; raises nothing."""
        was_lost = self._arrivals.is_lost
        self._arrivals.lose(None)
        self._in_hand.clear()
        if not was_lost:
            try:
                self._call(self._channel.close)
            except ServiceDown as error:
                _log.debug("a consumer was closed, and its connection had been lost: %s", error)

    def _take(self, end: float) -> AbstractIncomingMessage | None:
        arrivals = self._arrivals
        with arrivals.changed:
            while True:
                self._check()
                if arrivals.waiting and len(self._in_hand) < self._prefetch:
                    return arrivals.waiting.popleft()
                left_s = end - time.monotonic()
                if left_s <= 0:
                    return None
                arrivals.changed.wait(left_s)

    def _check(self) -> None:
        if self._arrivals.is_lost:
            raise self._lost(self._arrivals.cause)

    def _reject(self, message: AbstractIncomingMessage) -> None:
        self._call(lambda: message.reject(requeue=False))


def _read_notice(message: AbstractIncomingMessage) -> Notice | None:
    try:
        said = json.loads(message.body)
        return Notice(str(said["job_id"]), str(said["kind"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
