"""Statements that are interrupted when nobody wants their result any more, or when they shut others out for long."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lookalike.core.ending import LATE, Ending, check_wanted, current_ending
from lookalike.core.errors import DeadlineExceeded
from lookalike.storage.sqlite.connection import Connection

LONGEST_VIEW_S = 5.0
"""How long one view of a SQLite file may last where somebody waits: no commit gets through beside it, and no new view
beside a commit that waits."""

_LOOK_EVERY_S = 0.05
_WATCH_FOR_S = 5.0


@contextmanager
def interruptible(connection: Connection, *, busy_wait_s: float) -> Iterator[None]:
    """Have the statements of the block interrupted when the work ends, and after `LONGEST_VIEW_S` at the latest.

    Args:
        connection: reads, for this block alone; used by this thread alone.
        busy_wait_s: how long it waits for others; no longer than the work.
    Raises:
        DeadlineExceeded: when a statement was interrupted.
    """
    when = current_ending()
    if when is None:
        yield
        return
    check_wanted()
    until = min(when.deadline or float("inf"), time.monotonic() + LONGEST_VIEW_S)
    _wait_for_others(connection, min(busy_wait_s, max(0.0, until - time.monotonic())))
    try:
        with _WATCH.interrupting(connection, lambda: time.monotonic() >= until or when.is_over):
            yield
    except sqlite3.OperationalError as error:
        # by whatever name: where the schema was about to be read, it is told that there is no such table
        if time.monotonic() >= until or when.is_over or _code(error) == sqlite3.SQLITE_INTERRUPT:
            raise DeadlineExceeded(_why(when)) from error
        raise
    finally:
        connection.undo()  # as long as a statement is half read, an interruption holds for whatever comes next
        _wait_for_others(connection, busy_wait_s)


class _Watch:
    """A thread that interrupts statements. SQLite's own look between steps would need the interpreter each time, and a
    step may take long; this costs a statement nothing. It ends when there was nothing to watch for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[sqlite3.Connection, Callable[[], bool]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def interrupting(self, connection: sqlite3.Connection, is_over: Callable[[], bool]) -> Iterator[None]:
        """Interrupt what a connection does during the block, as soon as that is over."""
        with self._lock:
            self._watched[connection] = is_over
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="lookalike-interrupt", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:  # so that nobody is interrupted who gets the connection next
                self._watched.pop(connection)

    def _watch(self) -> None:
        last_seen_at = time.monotonic()
        while True:
            time.sleep(_LOOK_EVERY_S)
            with self._lock:
                if self._watched:
                    last_seen_at = time.monotonic()
                elif time.monotonic() - last_seen_at > _WATCH_FOR_S:
                    self._thread = None
                    return
                for connection in [one for one, is_over in self._watched.items() if is_over()]:
                    connection.interrupt()


_WATCH = _Watch()


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def _why(when: Ending) -> str:
    return (
        LATE
        if when.is_over
        else f"expected to look it up within {LONGEST_VIEW_S:g} s, but it took longer: "
        "narrow the filter, or ask for less at a time"
    )


def _wait_for_others(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
