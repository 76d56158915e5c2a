"""The newest waits: of queries that come faster than they are answered, only the last is worth an answer."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """A place for one that waits. Belongs to one event loop, one who puts and one who takes.

    Attributes:
        dropped: how many were passed over for newer ones.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: list[T] = []  # one at most
        self._is_closed = False
        self._changed = asyncio.Event()

    def put(self, one: T) -> T | None:
        """Have it wait in the place of what waited there.

        Returns:
            what was dropped for it.
        """
        dropped = self._waiting.pop() if self._waiting else None
        self.dropped += dropped is not None
        self._waiting.append(one)
        self._changed.set()
        return dropped

    async def take(self) -> T | None:
        """Wait for the next; None once it is closed and nothing waits."""
        while not self._waiting and not self._is_closed:
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.pop() if self._waiting else None

    def close(self) -> None:
        """Nothing will come any more. Idempotent."""
        self._is_closed = True
        self._changed.set()
