"""What a client is sent and does not read: it is waited for a while, then the connection is cut off."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle, Transport

MOST_BYTES = 16_000
"""That wait in this process to be read by one client, before whoever writes has to wait."""

BYTES_PER_S = 8_000
"""The slowest that a client may read, on top of what every client may take."""


class Unread:
    """Cuts a connection off whose client does not read. Belongs to the event loop.

    Args:
        transport: of the connection.
        loop: that it belongs to.
        patience_s: how long anything may wait, on top of a second per 8 kB.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop, *, patience_s: float) -> None:
        self._transport, self._loop, self._patience_s = transport, loop, patience_s
        self._timer: TimerHandle | None = None
        transport.set_write_buffer_limits(high=MOST_BYTES)

    def wait(self) -> None:
        """From now on what waits must be read in time: more waits than may, or the connection is being closed."""
        self.stop()
        patience_s = self._patience_s + self._transport.get_write_buffer_size() / BYTES_PER_S
        self._timer = self._loop.call_later(patience_s, self._transport.abort)

    def stop(self) -> None:
        """It was read, or the connection is gone. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
