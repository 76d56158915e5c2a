"""The threads that do what waits in a line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Crew:
    """Some threads that each do the same again and again. They do not keep the process alive.

    Args:
        name: of the threads, for people.
        threads: how many.
        do_next: does what comes next; False when nothing comes any more.
    """

    def __init__(self, name: str, threads: int, do_next: Callable[[], bool]) -> None:
        def work() -> None:
            while do_next():
                pass

        self._threads = [threading.Thread(target=work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    async def wait_until_done(self) -> None:
        """Wait until nothing comes any more, and all is done."""
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
