"""Work that ends when nobody wants its result any more: who asks says until when, who works looks now and then.

Threads cannot be ended from outside. So what may take long looks at `check_wanted` between its steps, statements are
interrupted (`interruptible`), and locks are waited for no longer than that (`turn_of`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from lookalike.core.errors import DeadlineExceeded
from lookalike.core.sqlite_connection import Connection

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_VIEW_S = 5.0
"""How long one view of a SQLite file may last where somebody waits: no commit gets through beside it, and no new view
beside a commit that waits."""

_LOOK_EVERY_S = 0.05
_WATCH_FOR_S = 5.0
_LATE = "it could not be done within the time that there was for it"


@dataclass(frozen=True, slots=True)
class Ending:
    """When work is to end.

    Attributes:
        deadline: `time.monotonic()` after which nobody wants the result; None for never.
        is_wanted: whether somebody waits for it still. Cheap, and safe to call from any thread.
    """

    deadline: float | None
    is_wanted: Callable[[], bool]

    @property
    def left_s(self) -> float | None:
        """How long there is; None for ever."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it is time."""
        return not self.is_wanted() or (self.deadline is not None and time.monotonic() >= self.deadline)


_ENDING: ContextVar[Ending | None] = ContextVar("ending", default=None)


@contextmanager
def ending(when: Ending | None) -> Iterator[None]:
    """Have the work of the block end then; None for what is done for everybody, and goes on whoever leaves."""
    token = _ENDING.set(when)
    try:
        yield
    finally:
        _ENDING.reset(token)


def current_ending() -> Ending | None:
    """When the work of this thread is to end; None for never."""
    return _ENDING.get()


def is_wanted() -> bool:
    """Whether the work of this thread is wanted still."""
    when = _ENDING.get()
    return when is None or not when.is_over


def check_wanted() -> None:
    """Go on only where the work of this thread is wanted still.

    Raises:
        DeadlineExceeded: when it is not.
    """
    if not is_wanted():
        raise DeadlineExceeded(_LATE)


def carried(call: Callable[P, T]) -> Callable[P, T]:
    """The same call for another thread, where its work ends when that of this thread does, and is not begun after."""
    when = _ENDING.get()

    def called(*given: P.args, **named: P.kwargs) -> T:
        with ending(when):
            check_wanted()
            return call(*given, **named)

    return called


@contextmanager
def interruptible(connection: Connection, *, busy_wait_s: float) -> Iterator[None]:
    """Have the statements of the block interrupted when the work ends, and after `LONGEST_VIEW_S` at the latest.

    Args:
        connection: reads, for this block alone; used by this thread alone.
        busy_wait_s: how long it waits for others; no longer than the work.
    Raises:
        DeadlineExceeded: when a statement was interrupted.
    """
    when = _ENDING.get()
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
    return _LATE if when.is_over else f"it took longer than {LONGEST_VIEW_S:g} s to look up: ask for less at a time"


def _wait_for_others(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


class Lockable(Protocol):
    """A lock, or one that a thread may hold several times."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:
        """Take it; False where that was not possible in time."""
        ...

    def release(self) -> None:
        """Let go of it."""
        ...


@contextmanager
def turn_of(lock: Lockable) -> Iterator[None]:
    """Hold a lock during the block; the work inside is for everybody and does not end early.

    Raises:
        DeadlineExceeded: when the lock was not free before the work's end.
    """
    taken(lock)
    try:
        with ending(None):
            yield
    finally:
        lock.release()


def taken(lock: Lockable, *, within_s: float | None = None) -> bool:
    """Take a lock. One that is free is taken even when the work should have ended.

    Args:
        lock: that the caller lets go of again.
        within_s: how long to wait for it at most, in seconds; None for as long as the work may last.
    Returns:
        False when it was not free within that while.
    Raises:
        DeadlineExceeded: when it was not free before the work's end.
    """
    if lock.acquire(blocking=False):
        return True
    if within_s == 0:
        return False
    if _ENDING.get() is None:
        return lock.acquire(timeout=-1 if within_s is None else within_s)
    until = time.monotonic() + (float("inf") if within_s is None else within_s)
    while not lock.acquire(timeout=_LOOK_EVERY_S):
        check_wanted()
        if time.monotonic() >= until:
            return False
    return True
