"""Work that ends when nobody wants its result any more: who asks says until when, who works looks now and then.

Threads cannot be ended from outside. So what may take long looks at `check_wanted` between its steps, statements are
interrupted (`lookalike.storage.sqlite.interrupting`), and locks are waited for no longer than that (`turn_of`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from lookalike.core.errors import DeadlineExceeded

P = ParamSpec("P")
T = TypeVar("T")

LATE = "it could not be done within the time that there was for it; allow more time, or ask for less at once"
"""What is said of work whose time was over."""

_LOOK_EVERY_S = 0.05


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
        raise DeadlineExceeded(LATE)


def carry_ending(call: Callable[P, T]) -> Callable[P, T]:
    """The same call for another thread, where its work ends when that of this thread does, and is not begun after."""
    when = _ENDING.get()

    def call_ending(*given: P.args, **named: P.kwargs) -> T:
        with ending(when):
            check_wanted()
            return call(*given, **named)

    return call_ending


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
    take_lock(lock)
    try:
        with ending(None):
            yield
    finally:
        lock.release()


def take_lock(lock: Lockable, *, within_s: float | None = None) -> bool:
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
