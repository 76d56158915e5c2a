"""What is ours on a disk is for its owner alone: folders 0700, files 0600.

A folder that others may not enter hides all that lies in it. One with the set-group-ID bit is shared with a group on
purpose, and left as it is.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = 0o700, 0o600

_OTHERS = 0o077


def keep_private(*paths: Path) -> None:
    """Take from others what they may do with files and folders of ours that an earlier version or a hand has made.

    Nothing happens to what is not there, is a link, belongs to somebody else, or lies in a shared folder.
    """
    for path in paths:
        with suppress(OSError):  # a disk or an owner that does not let us: it stays as it is
            mode = path.lstat().st_mode
            folder = path if stat.S_ISDIR(mode) else path.parent
            if mode & _OTHERS and not stat.S_ISLNK(mode) and not folder.stat().st_mode & stat.S_ISGID:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def make_private(folder: Path, *, within: Path | None = None) -> None:
    """Make a folder, and those above it that are missing, which `Path.mkdir` would leave open to others. Idempotent.

    Args:
        folder: to be made.
        within: a folder above it that is not made: what belongs to a collection that is removed meanwhile must not make
            its folder anew.
    Raises:
        FileNotFoundError: when that one is missing.
        OSError: when it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True, mode=FOLDER)
    except FileNotFoundError:
        if folder.parent in (folder, within):
            raise
        make_private(folder.parent, within=within)
        folder.mkdir(exist_ok=True, mode=FOLDER)


def database_files(path: Path) -> list[Path]:
    """A file of SQLite's and what lies beside it; journals that are not there yet are made as the file is."""
    return [path, *(path.with_name(path.name + ending) for ending in ("-journal", "-wal", "-shm", ".lock"))]
