"""Folders and files that are still there after a power failure, and the disk's errors as ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.core.errors import LookalikeError, ReadOnly, StorageFailed
from lookalike.storage.private import FOLDER
from lookalike.storage.syncing import sync

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably, for their owner alone. Idempotent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=FOLDER)
        sync(folder.parent)


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Raise our errors in the place of the system's.

    Raises:
        ReadOnly: when something may not be written or read.
        StorageFailed: for all others.
    """
    try:
        yield
    except OSError as error:
        raise _translated(error, path) from error


def _translated(error: OSError, path: Path) -> LookalikeError:
    if error.errno in _READ_ONLY:
        return ReadOnly(f"{path}: cannot be written or read ({error.strerror})")
    return StorageFailed(f"{path}: the disk is full or fails ({error.strerror}); make room and try again")
