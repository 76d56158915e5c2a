"""One look at the jobs for all who wait for its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_POLL_S = 0.1
_AFTER_FAILURE_S = 1.0

_log = logging.getLogger(__name__)


class Broadcast:
    """Knows the number of the newest event, while somebody listens. Belongs to the event loop of who listens.

    Nothing is kept for a listener: each reads from the jobs what it has not seen, at its own pace.

    Args:
        last_event: asks the jobs, which takes a moment; called in a thread.
        poll_s: how often, in seconds.
    """

    def __init__(self, last_event: Callable[[], int], *, poll_s: float = _POLL_S) -> None:
        self._last_event = last_event
        self._poll_s = poll_s
        self._listeners = 0
        self._poller: asyncio.Task[None] | None = None
        self._newest = 0
        self._changed = asyncio.Event()

    @property
    def is_looking(self) -> bool:
        """Whether the jobs are asked now and then."""
        return self._poller is not None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Have the jobs asked for as long as the block lasts; the last who leaves ends that."""
        self._listeners += 1
        if self._poller is None:
            self._changed = asyncio.Event()
            self._poller = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                self._poller.cancel()
                self._poller = None

    async def beyond(self, seq: int) -> None:
        """Wait until there is a newer event than this. Only while listening."""
        while self._newest <= seq:
            await self._changed.wait()

    async def _poll(self) -> None:
        while True:
            try:
                newest = await asyncio.to_thread(self._last_event)
            except Exception:
                _log.warning("the jobs do not tell their events", exc_info=True)
                await asyncio.sleep(_AFTER_FAILURE_S)
                continue
            if newest != self._newest:
                self._newest = newest
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(self._poll_s)
