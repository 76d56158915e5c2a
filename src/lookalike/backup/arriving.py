"""A folder that bears its name once it is whole.

    .<name, 50 letters of it>.<8 hexadecimal digits>.part/    beside the place where the folder is to be
      UNFINISHED    locked as long as somebody fills the folder
      whole/        becomes the folder

The lock ends with its process, however that dies. Who next lets a folder arrive there deletes what it has left.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lookalike.core.errors import StorageFailed, WouldOverwrite
from lookalike.core.paths import absolute
from lookalike.storage.claim import is_at, try_to_lock
from lookalike.storage.private import FILE, make_private

_UNFINISHED, _WHOLE = "UNFINISHED", "whole"
_KEPT_OF_A_NAME = 50  # letters, which are up to 200 bytes: a name has 255 at most
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)

_log = logging.getLogger(__name__)


@contextmanager
def arriving(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to fill, beside the one that it becomes when the block ends; durable then, gone when the block raises.

    Args:
        folder: that is not there yet, or empty.
    Raises:
        WouldOverwrite: when something is there, or it is where a disk is mounted.
        StorageFailed: when the disk is full or fails.
    """
    target = Path(absolute(folder))
    if os.path.lexists(target) and not _is_empty_folder(target):
        raise WouldOverwrite(f"expected a new folder, but {target} is there: name another, or move it away")
    if os.path.ismount(target):  # nothing can take its place
        raise WouldOverwrite(
            f"expected a new folder, but a disk is mounted at {target}: choose one inside, such as {target / 'backup'}"
        )
    try:
        with ExitStack() as stack:
            _sweep(target.parent)
            part = stack.enter_context(_unfinished(target))
            make_private(part / _WHOLE)
            yield part / _WHOLE
            os.sync()  # once for all of the files, of which there may be millions
            (part / _WHOLE).replace(target)
            os.sync()
    except OSError as error:
        raise StorageFailed(
            f"{target} cannot be written: {error.strerror or error}; make room there, or repair its permissions"
        ) from error


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A locked folder beside `target`, deleted in the end."""
    while True:
        part = target.with_name(f".{target.name[:_KEPT_OF_A_NAME]}.{secrets.token_hex(4)}.part")
        make_private(part)
        try:
            descriptor = os.open(part / _UNFINISHED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE)
        except FileNotFoundError:  # swept away as something empty
            continue
        try:
            if try_to_lock(descriptor) is not False and is_at(part / _UNFINISHED, descriptor):
                yield part
                return
        finally:
            with suppress(OSError):
                _delete(part)
            os.close(descriptor)


def _sweep(parent: Path) -> None:
    """Delete what killed processes have left in a folder; nothing else, and nothing where that is not known."""
    for part in sorted(parent.glob(".*.part")):
        with suppress(OSError):  # it will be tried again
            if _PART.fullmatch(part.name) and part.is_dir() and not part.is_symlink() and _swept(part):
                _log.warning("%s: left by a process that was killed; deleted", part)


def _swept(part: Path) -> bool:
    there = {entry.name for entry in part.iterdir()}
    if not there:
        part.rmdir()
    if _UNFINISHED not in there or there - {_UNFINISHED, _WHOLE}:
        return False
    descriptor = os.open(part / _UNFINISHED, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not try_to_lock(descriptor):
            return False
        _delete(part)
    finally:
        os.close(descriptor)
    return True


def _delete(part: Path) -> None:
    """The mark last, so that what is left is known when this is cut off."""
    with suppress(FileNotFoundError):
        shutil.rmtree(part / _WHOLE)
    (part / _UNFINISHED).unlink(missing_ok=True)
    part.rmdir()


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
