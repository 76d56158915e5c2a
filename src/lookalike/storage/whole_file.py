"""A file of ours that is there whole or not at all: written beside its place, synced, and put there in one step.

What a process that was killed has left beside it ends in `.part`. Who next writes into the folder sweeps it away.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lookalike.storage.private import FILE, make_private
from lookalike.storage.syncing import sync

LEFT_AFTER_S = 86_400
"""What is older is not being written any more."""

ENDING = ".part"
"""Of the names of what is being written."""

_KEPT_OF_A_NAME = 50  # letters, which are up to 200 bytes: a name has 255 at most
_log = logging.getLogger(__name__)


class HalfWritten(NamedTuple):
    """A file that a process has left which was killed."""

    path: Path
    size_bytes: int


def write_whole(
    target: Path,
    content: bytes,
    *,
    is_new: bool = False,
    keeps_owner: bool = False,
    is_our_folder: bool = True,
    within: Path | None = None,
) -> None:
    """Put a file in its place, for its owner alone, whatever is there; durable when this returns.

    Args:
        target: its folder is made where it is missing.
        content: of the file.
        is_new: take nobody's place.
        keeps_owner: leave it to the owner of the file that is there, as far as this process may.
        is_our_folder: sweep away whatever lies half-written in there; else what is left of that file alone.
        within: see `make_private`.
    Raises:
        FileExistsError: when it is to be new, and something is there.
        OSError: when the disk is full, fails, or cannot be written; all is as before then.
    """
    make_private(target.parent, within=within)
    if is_our_folder:
        _sweep(target.parent)
    else:
        sweep_parts(target)
    part = part_of(target)
    try:
        write_durably(part, content)
        if keeps_owner:
            _keep_owner(target, part)
        put_in_place(part, target, is_new=is_new)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def part_of(target: Path) -> Path:
    """A file beside one in which that is written, of a new name."""
    return target.with_name(f"{_prefix_of(target)}{secrets.token_hex(4)}{ENDING}")


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone; what it holds is durable when this returns, its name is not yet.

    Raises:
        OSError: when something is there, or the disk is full, fails, or cannot be written.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(part: Path, target: Path, *, is_new: bool = False) -> None:
    """Give a file that is written the name that it is for; durable under that when this returns.

    Args:
        part: in the same folder, or another of the same file system; is gone afterwards.
        target: what is there is replaced in one step.
        is_new: take nobody's place.
    Raises:
        FileExistsError: when it is to be new, and something is there.
        OSError: when the disk fails. Where only its last sync did, the file has its name already.
    """
    sync(part)
    if is_new:
        os.link(part, target)
        part.unlink()
    else:
        part.replace(target)
    sync(target.parent)


def sweep_parts(target: Path, *, older_than_s: float = LEFT_AFTER_S) -> None:
    """Delete what killed processes have left of one file, as far as that is possible, and of what lay `beside` it."""
    name = re.compile(rf"{re.escape(_prefix_of(target))}[0-9a-f]{{8}}(\.more)?{re.escape(ENDING)}")
    _sweep(target.parent, is_swept=lambda left: name.fullmatch(left) is not None, older_than_s=older_than_s)


def beside(part: Path) -> Path:
    """Another file for the time in which `part` is written; what is left of it is swept, too."""
    return part.with_suffix(f".more{ENDING}")


def _prefix_of(target: Path) -> str:
    return f".{target.name[:_KEPT_OF_A_NAME]}."


def _sweep(
    folder: Path, *, is_swept: Callable[[str], bool] = lambda _: True, older_than_s: float = LEFT_AFTER_S
) -> None:
    with suppress(OSError):  # it will be tried again
        for left in half_written(folder, before=time.time() - older_than_s):
            if is_swept(left.path.name):
                left.path.unlink()
                _log.warning("%s: %d bytes were half-written by a process that was killed; deleted", *left)


def _keep_owner(target: Path, part: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):
        before = target.stat()
        os.chown(part, before.st_uid, before.st_gid)


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
