"""Objects as files of a folder: `<folder>/<first two digits>/<other digits>`.

A file is written under another name, synced and then renamed, so that whatever bears an id is whole; its folder is
synced, so that it is still there after a power failure. What a dead process left half-written begins with a dot and is
never looked at; a later `put` into the same folder sweeps it away once it is a day old.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lookalike.images.files import OpenFile
from lookalike.objects.base import Leftover, LeftoverKind, checked_id, damaged, id_of, missing, whole
from lookalike.objects.durable import make_folder, translating
from lookalike.storage.whole_file import ENDING, write_whole

_OF_EARLIER_VERSIONS = ".put-"
_SWEPT_AFTER_S = 86_400


class LocalObjects:
    """See `lookalike.objects.base.Objects`.

    Args:
        folder: where the files lie; made by the first `put`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep bytes; see `Objects`."""
        object_id = id_of(data)
        path = self._path(object_id)
        with translating(path):
            if _holds(path, len(data)):
                with suppress(OSError):  # of a store that cannot be written, and so cannot be swept
                    os.utime(path)  # so that who sweeps sees that it is wanted again
            else:
                make_folder(path.parent)
                _sweep(path.parent)
                write_whole(path, data)
        return object_id

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        path = self._path(checked_id(object_id))
        with translating(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise missing(object_id) from None
        return whole(data, object_id)

    def open(self, object_id: str) -> OpenFile:
        """The same as an open file; see `Objects`."""
        path = self._path(checked_id(object_id))
        with translating(path):
            try:
                opened = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                raise missing(object_id) from None
            if opened.content_id() != object_id:
                opened.close()
                raise damaged(object_id, opened.size_bytes)
        return opened

    def has(self, object_id: str) -> bool:
        """Whether they are there; see `Objects`."""
        path = self._path(checked_id(object_id))
        with translating(path):
            return path.is_file()

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; see `Objects`."""
        for path in [self._path(checked_id(one)) for one in object_ids]:
            with translating(path):
                path.unlink(missing_ok=True)

    def ids(self) -> Iterator[str]:
        """All ids, sorted; see `Objects`."""
        with translating(self.folder):
            found = [path.parent.name + path.name for path in self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f]*")]
        return iter(sorted(name for name in found if len(name) == 64))

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time; see `Objects`."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f]*"):
            size_bytes = _size_if_older(path, before)
            if size_bytes is not None:
                yield Leftover(LeftoverKind.OBJECT, path.parent.name + path.name, size_bytes)

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:
        """Delete what was left half-written before a time; see `Objects`."""
        swept = []
        for path in [left for folder in self.folder.glob("[0-9a-f][0-9a-f]") for left in _half_written(folder)]:
            size_bytes = _size_if_older(path, before)
            if size_bytes is None:
                continue
            if not dry_run:
                with translating(path):
                    path.unlink(missing_ok=True)
            swept.append(Leftover(LeftoverKind.HALF_WRITTEN, path.name, size_bytes))
        return swept

    def _path(self, object_id: str) -> Path:
        return self.folder / object_id[:2] / object_id[2:]


def _half_written(folder: Path) -> list[Path]:
    return [*folder.glob(f"{_OF_EARLIER_VERSIONS}*"), *folder.glob(f".*{ENDING}")]


def _size_if_older(path: Path, before: float) -> int | None:
    """How large a file is that was last changed before a time; None of others."""
    with translating(path):
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
    return status.st_size if status.st_mtime < before else None


def _holds(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes  # a truncated one is written anew
    except FileNotFoundError:
        return False


def _sweep(folder: Path) -> None:
    """What earlier versions left; `write_whole` sweeps away the rest."""
    for path in folder.glob(f"{_OF_EARLIER_VERSIONS}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _SWEPT_AFTER_S:
                path.unlink()
