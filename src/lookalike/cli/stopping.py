"""Ctrl-C and SIGTERM during a long run: the first stops it cleanly, the second at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
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
    came = False

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        nonlocal came
        came = True
        for each in _SIGNALS:
            signal.signal(each, _stop_at_once)
        _set_elsewhere(is_asked)
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
    if came:
        raise KeyboardInterrupt


def set_at_signals(event: Event) -> None:
    """From now on Ctrl-C and SIGTERM set an event, and do nothing else. Only for the main thread.

    A signal that the system gave to another thread does not wake the main one, so that it must not wait for the event
    without end.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda *_: _set_elsewhere(event))


def _set_elsewhere(event: Event) -> None:
    """On another thread: a handler runs within whatever the main one is doing, which may have the event's lock."""
    Thread(target=event.set, daemon=True).start()


def _stop_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(Interrupted.exit_code)  # what was acknowledged is durable, and nothing else is waited for
