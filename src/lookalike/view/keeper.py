"""Upkeep beside searches: what nobody should wait for is done on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Keeper:
    """Does one thing at a time, on a thread that lasts as long as that; an ending process waits for it.

    Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, call: Callable[[], None]) -> None:
        """Begin something, unless something is being done: then it is asked for again soon enough."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=call, name="lookalike-keeper")
                self._thread.start()

    def join(self) -> None:
        """Wait until what was begun is done."""
        with self._starting:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
