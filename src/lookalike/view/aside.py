"""What is done beside searches is done on threads that give way to theirs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

_NICENESS = 10


def step_aside() -> None:
    """Let this thread, and those that it starts, give way to all others that want a processor, where that can be said.

    On Linux a thread has a niceness of its own; elsewhere nothing is changed, for it would be that of the process.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Beside:
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
                self._thread = threading.Thread(target=_do_aside, args=[call], name="lookalike-keeper")
                self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        with self._starting:
            return self._thread is not None and self._thread.is_alive()

    def join(self) -> None:
        """Wait until what was begun is done."""
        with self._starting:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()


def _do_aside(call: Callable[[], None]) -> None:
    step_aside()
    call()
