"""Check a backup, and restore it into a new folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path

from lookalike.backup.arriving import arriving
from lookalike.backup.sums import NOTE, Backup, Listed, list_files, read_note, sha256_of
from lookalike.core.errors import BadInput
from lookalike.core.paths import absolute
from lookalike.objects.durable import translating
from lookalike.storage.private import FILE, make_private

Progress = Callable[[int, int], None]
"""Told how many of how many files are done."""

_AT_ONCE = 1 << 20
_MOST_TOLD = 20


def check_backup(folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Backup:
    """Read all files of a backup and compare them with what they were.

    Args:
        folder: of the backup.
        progress: called after each file.
    Returns:
        what it tells of itself.
    Raises:
        BadInput: when it is none, or something is missing or changed; the message names it.
        FormatTooNew: when a newer version made it.
        StorageFailed: when it cannot be read.
    """
    place = Path(absolute(folder))
    return _each(place, lambda path, _: sha256_of(path), progress=progress)


def restore_backup(
    folder: str | os.PathLike[str], into: str | os.PathLike[str], *, progress: Progress | None = None
) -> Backup:
    """Copy a backup into a new folder, which appears when all of it is there as it was.

    Args:
        folder: of the backup.
        into: that is not there yet, or empty.
        progress: called after each file.
    Returns:
        what the backup tells of itself.
    Raises:
        BadInput, FormatTooNew: as in `check_backup`; nothing is left then.
        WouldOverwrite: when something is at `into`.
        StorageFailed: when the disk is full or fails; nothing is left then.
    """
    place = Path(absolute(folder))
    read_note(place)  # before anything is made
    with arriving(into) as part:
        return _each(place, lambda path, one: _restore(path, one, part), progress=progress)


def _each(folder: Path, read: Callable[[Path, Listed], str], *, progress: Progress | None) -> Backup:
    backup = read_note(folder)
    wrong: list[str] = []
    for done, one in enumerate(list_files(folder, backup), start=1):
        found = _read(folder / one.name, one, read)
        if found:
            wrong.append(f"{one.name} {found}")
        if progress is not None:
            progress(done, backup.files + 1)
    if wrong:
        more = f" and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
        raise BadInput(
            f"expected a whole backup, but {folder} is damaged: {', '.join(wrong[:_MOST_TOLD])}{more}: make "
            "another with `lookalike backup`"
        )
    return backup


def _read(path: Path, one: Listed, read: Callable[[Path, Listed], str]) -> str:
    """What is wrong with a file; '' where nothing is."""
    try:
        if path.is_symlink():
            return "is a link"
        return "" if read(path, one) == one.sha256 else "was changed"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _restore(path: Path, one: Listed, part: Path) -> str:
    return sha256_of(path) if one.name == NOTE else _copy(path, part / one.name)


def _copy(path: Path, target: Path) -> str:
    """Copy a file; the SHA-256 of what was copied. OSError is of the one, StorageFailed of the other."""
    sha256 = hashlib.sha256()
    with path.open("rb") as source, _new_file(target) as copy:
        while data := source.read(_AT_ONCE):
            sha256.update(data)
            with translating(target):
                copy.write(data)
        with translating(target):
            copy.flush()
    return sha256.hexdigest()


def _new_file(target: Path) -> BufferedWriter:
    with translating(target):
        make_private(target.parent)
        return open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb")
