"""Publishing: what was confirmed is on disk, and where nobody confirms in time, nothing is known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange, HeadersType

from lookalike.dispatch.base import DeadLetter, Notice
from lookalike.dispatch.rabbitmq.address import BrokerAddress
from lookalike.dispatch.rabbitmq.connection import KeptConnection
from lookalike.dispatch.rabbitmq.errors import tell_alarm
from lookalike.dispatch.rabbitmq.queues import QueueNames, declare_exchanges, declare_queues

_LONGEST_DETAIL, _LONGEST_TRACE = 2_000, 12_000
"""In characters: headers have to fit into one frame, of 128 KiB."""


@dataclass(slots=True)
class _Open:
    channel: AbstractChannel
    notices: AbstractExchange
    dead: AbstractExchange
    declared: set[str] = field(default_factory=set)


class Publisher:
    """Publishes on one channel, of a connection of its own: a broker that blocks publishers reads no acknowledgements
    from their connections either. Used on one event loop.

    Args:
        address: of the broker.
        names: of its queues.
        timeout_s: how long all of a call may take.
    """

    def __init__(self, address: BrokerAddress, names: QueueNames, *, timeout_s: float) -> None:
        self._address = address
        self._names = names
        self._timeout_s = timeout_s
        self._connection = KeptConnection(address, purpose="telling workers")
        self._lock = asyncio.Lock()
        self._open: _Open | None = None

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Publish, and wait until all are confirmed.

        Raises:
            ServiceDown: when the broker takes nothing in for now.
            TimeoutError, aio_pika.exceptions.AMQPError, OSError, RuntimeError: when not all were confirmed.
        """
        await self._tell([(notice, None) for notice in notices])

    async def set_aside(self, letter: DeadLetter) -> None:
        """Put it to the dead ones of its kind; raises as `publish`."""
        headers: HeadersType = {
            "code": letter.code,
            "detail": letter.detail[:_LONGEST_DETAIL],
            "attempts": letter.attempts,
            "trace": letter.trace[-_LONGEST_TRACE:],
        }
        await self._tell([(letter.notice, headers)])

    async def close(self) -> None:
        """Let go of the connection. Raises nothing."""
        self._open = None
        await self._connection.close()

    async def _tell(self, told: Sequence[tuple[Notice, HeadersType | None]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                way = await self._way({notice.kind for notice, _ in told})
                sent = [
                    (way.notices if headers is None else way.dead).publish(
                        _message(notice, headers), routing_key=notice.kind, mandatory=True
                    )
                    for notice, headers in told
                ]
                _raise_first(await asyncio.gather(*sent, return_exceptions=True))
        except TimeoutError:
            if await self._connection.is_blocked():
                raise tell_alarm(self._address) from None
            await self.close()  # nothing comes on it: another one may reach the broker
            raise
        except Exception:
            self._open = None  # what was declared may be gone
            raise

    async def _way(self, kinds: set[str]) -> _Open:
        """An open channel, on which the queues of these kinds were declared."""
        async with self._lock:
            connection = await self._connection.get()
            if self._open is None or self._open.channel.is_closed:
                channel = await connection.channel(on_return_raises=True)
                self._open = _Open(channel, *await declare_exchanges(channel, self._names))
            for kind in sorted(kinds - self._open.declared):
                await declare_queues(self._open.channel, self._names, kind)
                self._open.declared.add(kind)
            return self._open


def _raise_first(outcomes: Sequence[object]) -> None:
    """Once all have ended, so that none goes on when the call has failed."""
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _message(notice: Notice, headers: HeadersType | None) -> Message:
    return Message(
        json.dumps(notice._asdict()).encode(),
        headers=headers,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
    )
