"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0
"""On a machine that is busy with much else; nothing that works waits so long."""

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], *, every_s: float = 0.02) -> Found:
    """The first that is true of what a look finds; fails where none is for a minute."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end, f"it never came to hold: {found!r}"
        time.sleep(every_s)
    return found
