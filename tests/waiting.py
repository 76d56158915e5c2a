"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

PATIENCE_S = 60.0
"""On a machine that is busy with much else; nothing that works waits so long."""

_TIMES = (1, 4, 16)

Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], *, every_s: float = 0.02, within_s: float = PATIENCE_S) -> Found:
    """The first that is true of what a look finds; fails where none is in that time."""
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, f"it never came to hold: {found!r}"
        time.sleep(every_s)
    return found


def given_time_enough(attempt: Callable[[int], object]) -> None:
    """Make an attempt that real time decides, and where an assertion fails, again with more of it.

    On a machine that is busy with much else, a moment may be over before anything was done in it.

    Args:
        attempt: takes by how much to multiply each of its times.
    """
    for times in _TIMES[:-1]:
        with suppress(AssertionError):
            attempt(times)
            return
    attempt(_TIMES[-1])
