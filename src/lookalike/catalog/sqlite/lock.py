"""One process writes to a catalog at a time: a lock on a file beside it, held for a commit and no longer."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lookalike.core.errors import LookalikeError, NoCollection, ReadOnly, StorageFailed
from lookalike.storage.lock import FileLock, file_lock

_IS_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class WriterLock:
    """The right of this process to write to a catalog; get it from `writer_lock`."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    @contextmanager
    def holding(self, *, wait_s: float) -> Iterator[None]:
        """Hold the lock during a block, whose work is for everybody and does not end early; re-entrant in one thread.

        Raises:
            Locked: when another process or thread holds it and does not let go within `wait_s` seconds, however many
                wait for that.
            DeadlineExceeded: when it does not before this thread's work is to end.
            NoCollection: when the folder is gone.
            ReadOnly: when the lock file cannot be written.
            StorageFailed: when the file system does not lock.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._lock.holding(wait_s=wait_s))
            except OSError as error:
                raise self._translate(error) from error
            yield

    def holder(self) -> str | None:
        """Who is writing at this moment, in words; None where nobody is."""
        return self._lock.holder()

    def _translate(self, error: OSError) -> LookalikeError:
        path = self._lock.path
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return NoCollection(
                f"{path.parent}: the collection is not there any more, it was removed or moved: open it where it "
                "is now, "
                "or index the pictures again"
            )
        kind = ReadOnly if error.errno in _IS_READ_ONLY else StorageFailed
        return kind(
            f"{path}: the lock file cannot be written or locked ({error.strerror})"
            "; repair its permissions, or move the collection to a disk that locks"
        )


def writer_lock(catalog: Path) -> WriterLock:
    """The lock of the catalog at that path: the same for all who ask in this process."""
    return WriterLock(file_lock(Path(f"{os.path.realpath(catalog)}.lock")))
