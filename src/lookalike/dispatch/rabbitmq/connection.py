"""One connection to a broker at a time: made when it is first needed, and anew when it was lost."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aio_pika.abc import AbstractConnection
from aio_pika.connection import Connection, make_url

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.rabbitmq.address import BrokerAddress

OLDEST = (3, 10)
"""The oldest RabbitMQ that is spoken to: what its quorum queues do is what is relied on."""

_CLOSES_WITHIN_S = 5.0

for _library in ("aio_pika", "aiormq"):  # what goes wrong is told once, by the errors that it is translated to
    logging.getLogger(_library).setLevel(logging.CRITICAL)


class KeptConnection:
    """Used on one event loop.

    Args:
        address: of the broker.
        purpose: for people who look at the broker's connections.
    """

    def __init__(self, address: BrokerAddress, *, purpose: str) -> None:
        self._address = address
        self._purpose = purpose
        self._lock = asyncio.Lock()
        self._connection: AbstractConnection | None = None

    async def get(self) -> AbstractConnection:
        """The one there is, if it has not been lost, else a new one.

        Raises:
            ServiceDown: when the broker is too old.
            aio_pika.exceptions.AMQPError, OSError: when no connection is made.
        """
        async with self._lock:
            if self._connection is None or not self._connection.connected.is_set():
                await self._close()
                # Not by `aio_pika.connect`: of what fails there a connection would remain that nobody closes.
                connection = Connection(
                    make_url(self._address.url),
                    client_properties={"connection_name": f"lookalike: {self._purpose}"},
                )
                self._connection = connection
                try:
                    await connection.connect()
                    _check_version(connection, self._address)
                except BaseException:
                    await self._close()
                    raise
            return self._connection

    async def is_blocked(self) -> bool:
        """Whether the broker has stopped to read from it, because its memory or its disk is nearly full."""
        transport = None if self._connection is None else self._connection.transport
        if transport is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await transport.ready()
                return False
        return True

    async def close(self) -> None:
        """Let go of it; the next `get` makes another one. Raises nothing."""
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is lost already
                async with asyncio.timeout(_CLOSES_WITHIN_S):
                    await connection.close()


def _check_version(connection: AbstractConnection, address: BrokerAddress) -> None:
    said = connection.transport.connection.server_properties.get("version") if connection.transport else None
    version = said.decode() if isinstance(said, bytes | bytearray) else str(said)
    with suppress(ValueError):
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ServiceDown(
                f"expected RabbitMQ {oldest} or later at {address.place}, got {version}: upgrade it, or name another"
            )
