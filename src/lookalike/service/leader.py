"""Of several processes one leads, and does what only one should do: a lock file says which."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.core.errors import StorageFailed
from lookalike.storage.claim import claim

LOCK = "leader.lock"
RETRY_S = 1.0
BEAT_S = 2.0
"""How often who leads touches the file."""
SILENT_S = 20.0
"""After so long without, whoever leads may hang."""


class Leader:
    """The right to lead. It ends with the process, however that dies; then another gets it.

    Args:
        path: of the lock file, the same for all.
        retry_s: how long after which one that does not lead tries again.
    """

    def __init__(self, path: Path, *, retry_s: float = RETRY_S) -> None:
        self._path = path
        self._retry_s = retry_s

    @contextmanager
    def lead(self, stop: threading.Event) -> Iterator[bool]:
        """Wait until this process leads, and lead during the block; False where `stop` was set before.

        Raises:
            StorageFailed: when the lock file cannot be written.
        """
        while (descriptor := self._claim()) is None and not stop.wait(self._retry_s):
            pass
        if descriptor is None:
            yield False
            return
        try:
            with self._beating():
                yield True
        finally:
            os.close(descriptor)  # which ends the claim

    @contextmanager
    def _beating(self) -> Iterator[None]:
        over = threading.Event()

        def beat() -> None:
            while True:
                with suppress(OSError):  # a disk that takes nothing is told of elsewhere
                    os.utime(self._path)
                if over.wait(BEAT_S):
                    return

        threading.Thread(target=beat, name="lookalike-leads", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _claim(self) -> int | None:
        try:
            return claim(self._path)
        except OSError as error:
            raise StorageFailed(
                f"{self._path}: the lock file cannot be written or locked ({error.strerror})"
                "; repair its permissions, or choose a --home on a disk that locks"
            ) from error
