"""Transactions beside other writers: a block that was overtaken runs again, and long work waits for its turn.

Nobody keeps a catalog for longer than a commit; but a commit may be large, and a process of an earlier version keeps
the catalog for a whole run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from lookalike.catalog.base import Catalog, Transaction
from lookalike.core.errors import Locked, Overtaken

PATIENCE_S = 120.0
"""How long a commit in the middle of work waits for other processes, in seconds."""

MOST_ATTEMPTS = 8
"""How often a block runs that others overtake."""

_PAUSE_S = 0.005

_log = logging.getLogger(__name__)

T = TypeVar("T")


def in_transaction(catalog: Catalog, block: Callable[[Transaction], T], *, wait: bool = True) -> T:
    """Run a block in a transaction, again from its beginning where another writer has overtaken it.

    Args:
        catalog: to write to.
        block: reads and writes through the transaction alone, and changes nothing else: what it gives back says what is
            to be done once all is durable. What it raises undoes the transaction.
        wait: as in `Catalog.transaction`.
    Returns:
        what the block gave back when it was committed.
    Raises:
        Overtaken: when that happens `MOST_ATTEMPTS` times.
        ReadOnly, Locked, StorageFailed, DeadlineExceeded: as in `Catalog.transaction`; nothing of the block remains.
    """
    attempt = 1
    while True:
        try:
            with catalog.transaction(wait=wait) as transaction:
                return block(transaction)
        except Overtaken as error:
            if attempt == MOST_ATTEMPTS:
                raise
            _log.debug("again: %s", error)
            time.sleep(_PAUSE_S * attempt)
            attempt += 1


def patiently(commit: Callable[[], T]) -> T:
    """Commit; where another process is writing, try again and again for `PATIENCE_S`.

    Args:
        commit: is one transaction, and leaves everything as it was where that is not begun or not committed.
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
