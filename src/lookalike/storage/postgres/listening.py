"""Being told by NOTIFY that something has changed, so that nobody need ask all the time."""

from __future__ import annotations

import threading
import time

import psycopg

from lookalike.core.ending import check_wanted
from lookalike.core.errors import ServiceDown
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Row

_LOOK_EVERY_S = 0.25


class Listener:
    """Waits for a channel. What it tells is a hint: who waits looks in any case, and polls where nobody tells them.

    A notice that is sent while the connection is lost never comes. So `wait` also ends when its time is over, and comes
    back at once after connecting anew. Used by one thread; `close` may be called by another.

    Args:
        pool: to the database; the connection is one of its own.
        channel: a name of letters, digits and underscores.
    """

    def __init__(self, pool: Pool, channel: str) -> None:
        self._pool = pool
        self._channel = channel
        self._connection: psycopg.Connection[Row] | None = None
        self._closing = threading.Event()

    def wait(self, within_s: float) -> bool:
        """Wait until something may have changed.

        Args:
            within_s: how long at most: how often to look where nobody tells.
        Returns:
            True at once where a notice came since the last call, or the connection was made anew; False when the time
            is over, also where the database cannot be reached.
        Raises:
            DeadlineExceeded: when the work was to end before.
        """
        return bool(self.receive(within_s))

    def receive(self, within_s: float) -> list[str]:
        """As `wait`, with what the notices say.

        Returns:
            at least one text where `wait` gives True: '' where the connection was made anew, so that anything may have
            been told meanwhile; none where the time is over.
        """
        until = time.monotonic() + within_s
        connection = self._connection
        if connection is None:
            if self._connect():
                return [""]
            self._pause(until)
            return []
        try:
            while (left_s := until - time.monotonic()) > 0 and not self._closing.is_set():
                check_wanted()
                told = connection.notifies(timeout=min(left_s, _LOOK_EVERY_S), stop_after=1)
                if texts := [notice.payload for notice in told]:
                    return texts
        except psycopg.Error:
            self._let_go()
        return []

    def close(self) -> None:
        """End it; a `wait` that is going on comes back soon. Idempotent."""
        self._closing.set()
        self._let_go()

    def _connect(self) -> bool:
        if self._closing.is_set():
            return False
        try:
            self._connection = self._pool.connect()
            self._connection.execute(f"LISTEN {self._channel}".encode())
        except (ServiceDown, psycopg.Error):
            self._let_go()
            return False
        if self._closing.is_set():
            self._let_go()
        return self._connection is not None

    def _pause(self, until: float) -> None:
        while (left_s := until - time.monotonic()) > 0 and not self._closing.wait(min(left_s, _LOOK_EVERY_S)):
            check_wanted()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
