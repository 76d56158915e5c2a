"""Removing a collection whole."""

from __future__ import annotations

import secrets
import shutil
from contextlib import nullcontext
from pathlib import Path

from lookalike.catalog.sqlite import nobody_writing
from lookalike.core.errors import NoCollection, StorageFailed
from lookalike.settings.served_collections import CATALOG, is_collection

REMOVED = ".removed"
"""The end of the hidden name that a collection bears while it is being removed."""


REMOVAL_WAIT_S = 10.0
"""How long the removal of a collection waits for who writes to it, in seconds."""


def remove_collection(folder: Path, *, wait_s: float = REMOVAL_WAIT_S) -> None:
    """Remove a collection whole: first out of sight in one step, while nobody writes to it, then for good.

    Of one that is a link only the link goes: whoever made it keeps what lies behind.

    Args:
        folder: the collection's.
        wait_s: how long to wait for who writes, in seconds.
    Raises:
        NoCollection: when there is none.
        Locked: when another process writes all the while.
        ReadOnly, StorageFailed: when it cannot be removed.
    """
    gone = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{REMOVED}")
    try:
        if not is_collection(folder):
            raise NoCollection(f"there is no collection at {folder}")
        has_catalog = (folder / CATALOG).is_file()  # to one that was lost nobody writes
        with nobody_writing(folder / CATALOG, wait_s=wait_s) if has_catalog else nullcontext():
            folder.rename(gone)
        _delete(gone)
    except OSError as error:
        raise StorageFailed(f"the collection cannot be removed: {error.strerror or error}") from error


def sweep_removed(folder: Path, *, before: float) -> None:
    """Delete what is left of collections whose removal was begun, and ended with its process.

    Args:
        folder: in which the collections lay.
        before: Unix time in seconds: only what began before it, for the rest may be under way.
    Raises:
        StorageFailed: when something cannot be deleted.
    """
    try:
        for gone in folder.glob(f".*{REMOVED}"):
            if gone.lstat().st_ctime < before:
                _delete(gone)
    except OSError as error:
        raise StorageFailed(f"a removed collection cannot be deleted: {error.strerror or error}") from error


def _delete(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)
