"""Accepting connections from a socket on which several processes listen, so that each gets its share.

Event loops accept whatever is there at once: the first process to wake takes all connections that come together, and
the others have nothing to do. Here each takes one, and waits a little before the next, the longer the more it has; a
process with fewer connections comes first. A process that is dead or busy takes none, and the others do.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

PAUSE_S = 0.0002
"""For each connection that is open."""
LONGEST_PAUSE_S = 0.002
HANDSHAKE_S = 10.0
_AFTER_ERROR_S = 0.1

_log = logging.getLogger(__name__)


class Acceptor:
    """Takes connections until it is closed. Looks like an asyncio server to uvicorn.

    Args:
        listener: not closed by this.
        protocol: made for each connection.
        tls: to speak with them; None for plain ones.
        is_open: how many connections are open.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None,
        is_open: Callable[[], int],
    ) -> None:
        self._listener, self._protocol, self._tls, self._is_open = listener, protocol, tls, is_open
        self._greeting: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Accept no more; what was accepted stays."""
        self._accepting.cancel()

    async def wait_closed(self) -> None:
        """Wait until no more is accepted."""
        await asyncio.wait([self._accepting])

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # too many open files, or a connection that was gone before
                _log.warning("a connection was not accepted: %s", error)
                await asyncio.sleep(_AFTER_ERROR_S)
                continue
            greeting = loop.create_task(self._greet(connection))
            self._greeting.add(greeting)
            greeting.add_done_callback(self._greeting.discard)
            await asyncio.sleep(min(LONGEST_PAUSE_S, PAUSE_S * (1 + self._is_open())))

    async def _greet(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S if self._tls is not None else None,
            )
        except OSError as error:  # ssl.SSLError and ConnectionError are such
            _log.debug("a connection ended before it began: %s", error)
            connection.close()
