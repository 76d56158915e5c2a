"""A file of ours that is there whole or not at all: written beside its place, synced, and put there in one step.

What a process that was killed has left beside it ends in `.part`. Who next writes into the folder sweeps it away.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lookalike.storage.private import FILE, make_private
from lookalike.storage.syncing import sync

LEFT_AFTER_S = 86_400
"""What is older is not being written any more."""

ENDING = ".part"
"""Of the names of what is being written."""

_log = logging.getLogger(__name__)


class HalfWritten(NamedTuple):
    """A file that a process has left which was killed."""

    path: Path
    size_bytes: int


def write_whole(target: Path, content: bytes) -> None:
    """Put a file in its place, for its owner alone, whatever is there; durable when this returns.

    Args:
        target: its folder is made where it is missing, and what lies half-written in there is swept away.
        content: of the file.
    Raises:
        OSError: when the disk is full, fails, or cannot be written; all is as before then.
    """
    make_private(target.parent)
    _sweep(target.parent)
    part = target.with_suffix(f".{secrets.token_hex(4)}{ENDING}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync(target.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _sweep(folder: Path) -> None:
    with suppress(OSError):  # it will be tried again
        for left in half_written(folder, before=time.time() - LEFT_AFTER_S):
            left.path.unlink()
            _log.warning("%s: %d bytes were half-written by a process that was killed; deleted", *left)


def half_written(folder: Path, *, before: float) -> list[HalfWritten]:
    """What was left half-written in a folder, last written before a time (Unix, in seconds). Sorted by name.

    Raises:
        OSError: when the folder cannot be looked through.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(ENDING))
    except FileNotFoundError:
        return []
    found = [(path, status) for path in map(folder.joinpath, names) if (status := _status(path)) is not None]
    return [HalfWritten(path, status.st_size) for path, status in found if status.st_mtime < before]


def _status(path: Path) -> os.stat_result | None:
    """Of a file of ours; None where it is gone or something else, such as a link."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        return status if stat.S_ISREG(status.st_mode) else None
    return None
