"""What who may do with files."""

from __future__ import annotations

import stat
from pathlib import Path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """What in a folder, itself included, others may do anything with."""
    return [f"{mode_of(path):o} {path}" for path in [folder, *sorted(folder.rglob("*"))] if mode_of(path) & 0o077]


def open_up(folder: Path) -> None:
    """Let everybody do everything."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
