"""The dispatch over RabbitMQ: synchronous calls in front of aio-pika on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from collections.abc import Collection as Several
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

from lookalike.core.errors import ServiceDown
from lookalike.core.retrying import Retrying
from lookalike.dispatch.base import DeadLetter, Notice
from lookalike.dispatch.rabbitmq.address import read_address
from lookalike.dispatch.rabbitmq.connection import KeptConnection
from lookalike.dispatch.rabbitmq.consumer import Arrivals, RabbitConsumer
from lookalike.dispatch.rabbitmq.errors import Trouble, tell_lost, translate_error
from lookalike.dispatch.rabbitmq.loop import LoopThread
from lookalike.dispatch.rabbitmq.publisher import Publisher
from lookalike.dispatch.rabbitmq.queues import QueueNames, declare_queues

T = TypeVar("T")

NAME = "lookalike"
"""What the names of exchanges and queues begin with, unless another is said."""

_CLOSES_WITHIN_S = 10.0


class RabbitDispatch:
    """See `lookalike.dispatch.base.Dispatch`. Connects when it is first used; what was lost is made anew by the next
    call, a few times, with pauses that grow and are shortened by chance, so that many workers do not come at once.

    Args:
        url: `amqp://user:secret@host:port/vhost`, or the same with `amqps`.
        look_every_s: as of `Dispatch`; for notices that were set aside, or lost with a broker's disk.
        name: what the names of exchanges and queues begin with; services that share a vhost need different ones.
        delivery_limit: how often a notice may come back before it is set aside; a worker finds its job all the same.
        timeout_s: how long the broker may take for one call, in seconds.
        heartbeat_s: after how many silent seconds the broker is asked for a sign of life; after three times as many the
            connection counts as lost.
        retrying: how often what may pass is tried.
    Raises:
        BadInput: when the URL is none.
    """

    needs_relay = True

    def __init__(
        self,
        url: str,
        *,
        look_every_s: float = 30.0,
        name: str = NAME,
        delivery_limit: int = 5,
        timeout_s: float = 10.0,
        heartbeat_s: int = 20,
        retrying: Retrying | None = None,
    ) -> None:
        self.look_every_s = look_every_s
        self._address = read_address(url, heartbeat_s=heartbeat_s)
        self._names = QueueNames(name, delivery_limit)
        self._timeout_s = timeout_s
        self._retrying = retrying or Retrying(attempts=3)
        self._loop = LoopThread("lookalike-rabbitmq")
        self._publisher = Publisher(self._address, self._names, timeout_s=timeout_s)
        self._consuming = KeptConnection(self._address, purpose="workers")
        self._arrivals: WeakSet[Arrivals] = WeakSet()
        self._mutex = Lock()

    def publish(self, notices: Sequence[Notice]) -> None:
        """Have consumers told; see `Dispatch`."""
        if notices or self._loop.is_closed:
            self._insist(lambda: self._publisher.publish(notices))

    def set_aside(self, letter: DeadLetter) -> None:
        """Keep it in the queue of dead ones of its kind; see `Dispatch`."""
        self._insist(lambda: self._publisher.set_aside(letter))

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> RabbitConsumer:
        """One who receives notices of these kinds; see `Dispatch`."""
        arrivals = Arrivals()
        channel = self._insist(lambda: self._within(lambda: self._consume(kinds, prefetch, arrivals)))
        with self._mutex:
            self._arrivals.add(arrivals)
        return RabbitConsumer(channel, arrivals, prefetch=prefetch, call=self._call_within, lost=self._tell_lost)

    def check(self) -> None:
        """Open a channel and close it, over the connection of consumers; see `Dispatch`. It is tried once."""

        async def ask() -> None:
            channel = await (await self._consuming.get()).channel(publisher_confirms=False)
            await channel.close()

        self._call_within(ask)

    def close(self) -> None:
        """Let go of connections; what consumers have in hand goes to others. Idempotent."""
        self._loop.close(self._close)
        with self._mutex:
            still = list(self._arrivals)
        for arrivals in still:
            arrivals.lose(asyncio.CancelledError())

    async def _close(self) -> None:
        async with asyncio.timeout(_CLOSES_WITHIN_S):
            await asyncio.gather(self._publisher.close(), self._consuming.close(), return_exceptions=True)

    async def _consume(self, kinds: Several[str], prefetch: int, arrivals: Arrivals) -> Any:
        connection = await self._consuming.get()
        channel = await connection.channel(publisher_confirms=False)
        try:
            channel.close_callbacks.add(lambda _, cause: arrivals.lose(cause))
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: arrivals.lose(RuntimeError("its queue was deleted")))
            await channel.set_qos(prefetch_count=prefetch)
            for kind in kinds:
                queue = await declare_queues(channel, self._names, kind)
                await queue.consume(arrivals.put)
        except BaseException:
            with suppress(Exception):  # it is closed already where it was refused something
                async with asyncio.timeout(_CLOSES_WITHIN_S):
                    await channel.close()
            raise
        return channel

    async def _within(self, make: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._timeout_s):
            return await make()

    def _insist(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have it done, and again where that may help.

        Raises:
            ServiceDown: when it cannot be done.
        """
        try:
            return self._retrying.run(lambda: self._attempt(make))
        except _Stays as stays:
            raise stays.error from stays.__cause__

    def _attempt(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return self._loop.run(make)
        except BaseException as error:
            trouble = self._translate(error)
            if trouble is None:
                raise
            if trouble.passes:
                raise trouble.error from error
            raise _Stays(trouble.error) from error

    def _call_within(self, make: Callable[[], Awaitable[object]]) -> object:
        """Have it done once: what belongs to a channel cannot be done on another."""
        try:
            return self._loop.run(lambda: self._within(make))
        except BaseException as error:
            trouble = self._translate(error)
            if trouble is None:
                raise
            raise trouble.error from error

    def _translate(self, error: BaseException) -> Trouble | None:
        return translate_error(error, self._address, self._names)

    def _tell_lost(self, cause: BaseException | None) -> ServiceDown:
        trouble = self._translate(cause) if cause is not None else None
        return tell_lost(self._address, cause) if trouble is None else trouble.error


class _Stays(Exception):
    """What is not tried again, though it is `ServiceDown`."""

    def __init__(self, error: ServiceDown) -> None:
        super().__init__(str(error))
        self.error = error
