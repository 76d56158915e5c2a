"""Claims on files and folders: had at once or not at all, by whoever opened them, until they are closed.

Several threads of a process may have one each, and a file that is renamed keeps its own. The kernel lets go of them
when a process dies. What is waited for in turn is a lock (`lookalike.storage.lock`).
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from lookalike.storage.private import FILE


def try_to_lock(descriptor: int) -> bool | None:
    """Lock it, until it is closed; False where another process has, None where the file system does not lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EACCES, errno.EAGAIN) else None
    return True


def is_at(path: Path, descriptor: int) -> bool:
    """Whether that is still there: False where somebody has swept it away before it was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def claim(path: Path) -> int | None:
    """Open a file, which is made where it is missing, and claim it; closing the descriptor ends the claim.

    Returns:
        the descriptor, to read and to write; None where another has the claim.
    Raises:
        OSError: when the file cannot be made or opened, or the file system does not lock.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE)
        try:
            is_locked = _lock_or_fail(descriptor)
            if is_locked and is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not is_locked:
            return None  # else it was renamed or deleted a moment ago


def _lock_or_fail(descriptor: int) -> bool:
    is_locked = try_to_lock(descriptor)
    if is_locked is None:
        raise OSError(errno.ENOLCK, "the file system does not lock")
    return is_locked
