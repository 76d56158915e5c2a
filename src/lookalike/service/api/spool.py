"""Bytes that come in: a few are kept in memory, many in a file without a name, which is gone when it is closed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock

from lookalike.objects.durable import translating
from lookalike.service.request_bytes import Holding, RequestBytes
from lookalike.service.threads import Threads

IN_MEMORY_BYTES = 1_000_000
"""Of one request: most pictures that are searched for are smaller."""


class Spool:
    """Written by one request, then read from any thread, until it is closed. A context manager that closes it.

    Args:
        threads: on which it is written to disk.
        of_all: what all requests hold; this one lets go when it is closed.

    Attributes:
        size_bytes: that came.
    """

    def __init__(self, threads: Threads, of_all: RequestBytes) -> None:
        self._threads, self._of_all = threads, of_all
        self._holding = Holding(of_all)
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed in `close`
        self._pending = bytearray()  # not a list of pieces: each may be one byte
        self._kept_bytes = 0
        self._one_at_a_time = Lock()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """How many bytes came."""
        return self._kept_bytes + len(self._pending)

    def expect(self, size_bytes: int) -> None:
        """Count a piece of the body, whatever it holds, before it is taken.

        Raises:
            Overloaded: when more is there already than may be, of all or of this caller.
        """
        if not self._holding.add(size_bytes):
            raise self._of_all.overloaded_error("forms and pictures that come in")

    async def write(self, data: bytes) -> None:
        """Take what is to be kept of a piece that was counted.

        Raises:
            StorageFailed, ReadOnly: when it cannot be kept.
        """
        self._pending += data
        if len(self._pending) >= IN_MEMORY_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Make all that came readable. Raises as `write`."""
        if self.size_bytes <= IN_MEMORY_BYTES:
            self._keep()
        else:
            await self._threads.run_through(self._keep)

    def read(self, start: int, size_bytes: int) -> bytes:
        """A part of what was flushed. Takes a moment where it is on disk.

        Raises:
            StorageFailed, ReadOnly: when it cannot be read.
        """
        with self._one_at_a_time, translating(_place()):
            self._file.seek(start)
            return self._file.read(size_bytes)

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        with self._one_at_a_time:
            self._file.close()
        self._holding.let_go()

    def _keep(self) -> None:
        data, self._pending = self._pending, bytearray()
        with self._one_at_a_time, translating(_place()):
            self._file.seek(self._kept_bytes)
            self._file.write(data)
            self._kept_bytes += len(data)


def _place() -> Path:
    return Path(tempfile.gettempdir())
