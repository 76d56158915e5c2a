"""Something that is asked on the event loop and answered by a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from lookalike.core.ending import Ending
from lookalike.core.errors import DeadlineExceeded
from lookalike.service.asker import current_asker

T = TypeVar("T")


class Ask(Generic[T]):
    """One question that waits for a thread. Made on the event loop that waits for its answer.

    Args:
        deadline: `time.monotonic()` after which nobody wants the answer; None for never.
        size_bytes: what it holds in memory while it waits.

    Attributes:
        deadline, size_bytes: as given.
        asked_at: `time.monotonic()` when it was made.
        context: the context variables of who asks, for logs.
        asker: who asks, about what.
    """

    def __init__(self, *, deadline: float | None, size_bytes: int = 0) -> None:
        self.deadline = deadline
        self.size_bytes = size_bytes
        self.asked_at = time.monotonic()
        self.context = copy_context()
        self.asker = current_asker()
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[T] = self._loop.create_future()
        self._future.add_done_callback(_retrieve)  # whoever has left asks for it no more
        self._is_gone = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for the answer, and it can come in time."""
        return not self._is_gone and (self.deadline is None or time.monotonic() < self.deadline)

    @property
    def wait_ms(self) -> float:
        """How long ago it was asked, in milliseconds."""
        return (time.monotonic() - self.asked_at) * 1000

    async def wait(self) -> T:
        """Wait for the answer, at most until the deadline.

        Raises:
            DeadlineExceeded: when it did not come in time.
            Exception: what the thread gave in its place.
        """
        left = None if self.deadline is None else self.deadline - time.monotonic()
        limit = asyncio.timeout(left)
        try:
            async with limit:
                return await self._future
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                "the answer could not come before the deadline of the request; allow more time, or try again later"
            ) from error
        finally:
            self.leave()

    @property
    def ending(self) -> Ending:
        """When the work on it is to end."""
        return Ending(self.deadline, lambda: not self._is_gone)

    def leave(self) -> None:
        """Nobody waits for the answer any more. Safe from any thread."""
        self._is_gone = True

    def give(self, answer: T) -> None:
        """Answer it, from any thread. Comes to nothing where nobody waits any more."""
        self._on_loop(lambda: self._future.set_result(answer))

    def refuse(self, error: Exception) -> None:
        """Answer it with an error, from any thread."""
        self._on_loop(lambda: self._future.set_exception(error))

    def _on_loop(self, settle: Callable[[], None]) -> None:
        def settle_if_awaited() -> None:
            if not self._future.done():
                settle()

        with suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(settle_if_awaited)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Look at how it ended, so that asyncio does not tell that nobody did."""
    if not future.cancelled():
        future.exception()
