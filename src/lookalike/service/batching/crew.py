"""The threads that do what waits in a line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Crew:
    """Some threads that each run the same until it ends. They do not keep the process alive.

    Args:
        name: of the threads, for people.
        threads: how many.
        run: returns when there is nothing more to do.
    """

    def __init__(self, name: str, threads: int, run: Callable[[], None]) -> None:
        self._threads = [threading.Thread(target=run, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    async def ended(self) -> None:
        """Wait until all have returned."""
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
