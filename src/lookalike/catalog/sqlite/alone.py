"""A moment in which nobody writes to a catalog, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lookalike.catalog.sqlite.connections import Connections
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.core.errors import CatalogDamaged


@contextmanager
def nobody_writing(path: Path, *, wait_s: float) -> Iterator[None]:
    """Wait until a commit under way has ended, and let none begin before the block ends.

    Who waits meanwhile finds out, before anything is written, what has become of the file.

    Args:
        path: of the catalog; it may be damaged, and may be moved within the block.
        wait_s: how long to wait for who writes, in seconds.
    Raises:
        NoCollection: when it is not there.
        Locked: when another process writes all the while.
        ReadOnly, StorageFailed: when it cannot be locked.
    """
    with ExitStack() as stack:
        stack.enter_context(writer_lock(path).holding(wait_s=wait_s))
        connections = Connections(path, read_only=False, busy_wait_s=wait_s)
        stack.callback(connections.close)
        with suppress(CatalogDamaged):  # to which nobody writes
            stack.enter_context(connections.writing())
        yield
