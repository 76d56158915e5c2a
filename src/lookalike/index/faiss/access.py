"""Many may search at once, or one may add."""

from __future__ import annotations

import threading
from types import TracebackType


class Access:
    """A readers-writer lock; who wants to write is let in before those who come to read later.

    `with access:` reads, `with access.writing:` writes. Neither may be nested.
    """

    def __init__(self) -> None:
        self._gate = threading.Condition(threading.Lock())
        self._readers = 0
        self._writers = 0  # that write or wait to
        self._writing = False
        self.writing = _Writing(self)

    def __enter__(self) -> None:
        with self._gate:
            while self._writers:
                self._gate.wait()
            self._readers += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._gate:
            self._readers -= 1
            if self._writers and not self._readers:
                self._gate.notify_all()

    def begin_writing(self) -> None:
        """Wait until nobody reads or writes, then keep all others out."""
        with self._gate:
            self._writers += 1
            while self._readers or self._writing:
                self._gate.wait()
            self._writing = True

    def end_writing(self) -> None:
        """Let others in."""
        with self._gate:
            self._writers -= 1
            self._writing = False
            self._gate.notify_all()


class _Writing:
    def __init__(self, access: Access) -> None:
        self._access = access

    def __enter__(self) -> None:
        self._access.begin_writing()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._access.end_writing()
