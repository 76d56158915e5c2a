"""Locks of the kernel's on files and folders, which it lets go of when a process dies."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


def locked_at_once(descriptor: int) -> bool | None:
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
    except FileNotFoundError:
        return False
