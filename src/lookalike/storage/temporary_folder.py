"""Temporary folders for building indexes. What a killed process has left of them goes when the next one is needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.core.errors import StorageFailed
from lookalike.storage.claim import is_at, try_to_lock

PREFIX = "lookalike-index-"
"""How their names begin."""


@contextmanager
def given_or_temporary(folder: Path | None) -> Iterator[Path]:
    """The folder that is given; where none is, a temporary one, which is deleted in the end.

    What processes that were killed have left of such is deleted first.

    Args:
        folder: is neither made nor deleted here.
    Raises:
        StorageFailed: when it cannot be made.
    """
    if folder is not None:
        yield folder
        return
    try:
        _sweep()
        made, descriptor = _make()
    except OSError as error:
        raise StorageFailed(
            f"no temporary folder can be made (TMPDIR says where): {error}; set it to a folder that can be written"
        ) from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def _make() -> tuple[Path, int]:
    """A folder and the descriptor that holds its lock."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another process took it for one that was left, and deletes it
            descriptor = _open_lock(made)
            if try_to_lock(descriptor) is not False and is_at(made, descriptor):
                return made, descriptor
            os.close(descriptor)


def _sweep() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, no folder, or gone by now
            descriptor = _open_lock(left)
            try:
                if os.fstat(descriptor).st_uid == os.getuid() and try_to_lock(descriptor):
                    shutil.rmtree(left)
            finally:
                os.close(descriptor)


def _open_lock(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
