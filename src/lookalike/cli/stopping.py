"""Ctrl-C and SIGTERM during a long run: the first stops it cleanly, the second at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import NoReturn

from lookalike.core.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_cleanly() -> Iterator[Event]:
    """Within the block, the first signal raises KeyboardInterrupt, the second ends the process.

    A signal that the process was told to ignore, as by `nohup`, stays ignored. Only for the main thread.

    Python passes over an error where none can be raised, as in a callback of SQLite. So what goes on without end looks
    at the event that is given, too; and the block ends with KeyboardInterrupt at the latest.
    """
    is_asked = Event()

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for each in _SIGNALS:
            signal.signal(each, _stop_at_once)
        is_asked.set()
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield is_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if is_asked.is_set():
        raise KeyboardInterrupt


def _stop_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(Interrupted.exit_code)  # what was acknowledged is durable, and nothing else is waited for
