"""Work of many commits beside other writers: a commit that meets one waits for it, and the work goes on.

Nobody keeps a catalog for longer than a commit; but a commit may be large, and a process of an earlier version keeps
the catalog for a whole run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from lookalike.core.errors import Locked

PATIENCE_S = 120.0
"""How long a commit in the middle of work waits for other processes, in seconds."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


def patiently(commit: Callable[[], T]) -> T:
    """Commit; where another process is writing, try again and again for `PATIENCE_S`.

    Args:
        commit: is one transaction, and leaves everything as it was where that is not begun.
    Raises:
        Locked: when the other process does not let go.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return commit()
        except Locked as error:
            if time.monotonic() >= deadline:
                raise
            _log.info("waiting: %s", error)
