"""The names under which files are known."""

from __future__ import annotations

import os
import stat


def absolute(path: str | os.PathLike[str]) -> str:
    """The one spelling under which a file is known: absolute, `~` expanded, without `.` and `..`, links kept."""
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def is_gone(path: str) -> bool:
    """Whether no file bears that name any more: nothing does, or a folder.

    False where that cannot be told (no permission, a failing disk).
    """
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
