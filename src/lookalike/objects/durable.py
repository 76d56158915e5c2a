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


def make_folder(folder: Path, *, within: Path) -> None:
    """Make a folder and those above it, durably, for their owner alone. Idempotent.

    Args:
        folder: to be made.
        within: a folder above it that is not made: that of a collection, which may be removed meanwhile.
    Raises:
        FileNotFoundError: when that one is missing.
        OSError: when it cannot be made.
    """
    if not folder.is_dir():
        if folder.parent != within:
            make_folder(folder.parent, within=within)
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
        raise _translate(error, path) from error


def _translate(error: OSError, path: Path) -> LookalikeError:
    if error.errno in _READ_ONLY:
        return ReadOnly(f"{path}: expected to write or read it, got {error.strerror!r}; repair its permissions")
    return StorageFailed(
        f"{path}: expected room on a disk that works, got {error.strerror!r}: it is full or fails; make room, try again"
    )
