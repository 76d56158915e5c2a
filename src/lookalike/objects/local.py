"""Objects as files of a folder: `<folder>/<first two digits>/<other digits>`.

A file is written under another name, synced and then renamed, so that whatever bears an id is whole; its folder is
synced, so that it is still there after a power failure. Pieces whose id is known only at their end are written in the
folder itself. What a dead process left half-written begins with a dot and is never looked at; a later `put` into the
same folder sweeps it away once it is a day old.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lookalike.images.files import OpenFile
from lookalike.objects.base import Leftover, LeftoverKind, check_id, missing, whole
from lookalike.objects.durable import make_folder, translating
from lookalike.objects.streams import Data, FileStream, Hashed, ObjectStream, check_range, damaged
from lookalike.storage.private import FILE
from lookalike.storage.whole_file import ENDING, part_of, put_in_place, write_whole

_OF_EARLIER_VERSIONS = ".put-"
_SWEPT_AFTER_S = 86_400
_OBJECTS = "[0-9a-f][0-9a-f]"


class LocalObjects:
    """See `lookalike.objects.base.Objects`.

    Args:
        folder: where the files lie; made by the first `put`, in one that is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: Data, *, expected: str | None = None) -> str:
        """Keep bytes; see `Objects`."""
        if expected is not None:
            check_id(expected)
        if not isinstance(data, bytes):
            return self._put_pieces(data, expected=expected)
        passing = Hashed(data)
        list(passing)
        object_id = passing.check(expected)
        path = self._path(object_id)
        with translating(path):
            if not _renew(path, size_bytes=len(data)):
                self._make_folder(path)
                write_whole(path, data, within=self.folder.parent)
        return object_id

    def put_if_absent(self, object_id: str, data: Data) -> bool:
        """Keep bytes where they are not there yet; see `Objects`."""
        path = self._path(check_id(object_id))
        with translating(path):
            if _renew(path, size_bytes=len(data) if isinstance(data, bytes) else None):
                return False
        self.put(data, expected=object_id)
        return True

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        path = self._path(check_id(object_id))
        with translating(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise missing(object_id) from None
        return whole(data, object_id)

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream; see `Objects`. The whole is compared with its hash here, before the first byte."""
        path = self._path(check_id(object_id))
        check_range(first, size_bytes)
        with translating(path):
            try:
                opened = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                raise missing(object_id) from None
            stream = _TranslatingStream(opened, path, first=first, size_bytes=size_bytes)
            if stream.is_whole and opened.content_id() != object_id:
                stream.close()
                raise damaged(object_id, opened.size_bytes)
        return stream

    def has(self, object_id: str) -> bool:
        """Whether they are there; see `Objects`."""
        path = self._path(check_id(object_id))
        with translating(path):
            return path.is_file()

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; see `Objects`."""
        for path in [self._path(check_id(one)) for one in object_ids]:
            with translating(path):
                path.unlink(missing_ok=True)

    def ids(self, *, prefix: str = "", after: str = "") -> Iterator[str]:
        """The ids, sorted, a folder of them at a time; see `Objects`."""
        with translating(self.folder):
            folders = sorted(path.name for path in self.folder.glob(_OBJECTS))
        for name in folders:
            if name < after[:2] or not (name.startswith(prefix[:2]) or prefix.startswith(name)):
                continue
            with translating(self.folder / name):
                found = sorted(name + path.name for path in (self.folder / name).glob("[0-9a-f]*"))
            yield from (one for one in found if len(one) == 64 and one.startswith(prefix) and one > after)

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time; see `Objects`."""
        for path in self.folder.glob(f"{_OBJECTS}/[0-9a-f]*"):
            size_bytes = _size_if_older(path, before)
            if size_bytes is not None:
                yield Leftover(LeftoverKind.OBJECT, path.parent.name + path.name, size_bytes)

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:
        """Delete what was left half-written before a time; see `Objects`."""
        swept = []
        folders = [self.folder, *self.folder.glob(_OBJECTS)]
        for path in [left for folder in folders for left in _half_written(folder)]:
            size_bytes = _size_if_older(path, before)
            if size_bytes is None:
                continue
            if not dry_run:
                with translating(path):
                    path.unlink(missing_ok=True)
            swept.append(Leftover(LeftoverKind.HALF_WRITTEN, path.name, size_bytes))
        return swept

    def _put_pieces(self, data: Data, *, expected: str | None) -> str:
        """Write pieces to a file without an id, which gets its name when they have come."""
        part = part_of(self.folder / "arriving")
        passing = Hashed(data)
        with translating(part):
            make_folder(self.folder, within=self.folder.parent)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                for piece in passing:  # which may raise whatever the source raises
                    with translating(part):
                        _write(file.fileno(), piece)
            object_id = passing.check(expected)
            path = self._path(object_id)
            with translating(path):
                if not _renew(path, size_bytes=passing.size_bytes):
                    self._make_folder(path)
                    put_in_place(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return object_id

    def _make_folder(self, path: Path) -> None:
        make_folder(path.parent, within=self.folder.parent)
        _sweep(path.parent)

    def _path(self, object_id: str) -> Path:
        return self.folder / object_id[:2] / object_id[2:]


class _TranslatingStream(FileStream):
    """A file whose errors are told as ours."""

    def __init__(self, file: OpenFile, path: Path, *, first: int, size_bytes: int | None) -> None:
        super().__init__(file, first=first, size_bytes=size_bytes)
        self._path = path

    def _next(self, start: int, size_bytes: int) -> bytes:
        with translating(self._path):
            return super()._next(start, size_bytes)


def _write(descriptor: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(descriptor, left) :]


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


def _renew(path: Path, *, size_bytes: int | None) -> bool:
    """Whether the object is there, so that who sweeps sees that it is wanted again.

    Args:
        path: of its file.
        size_bytes: that it must have, for a truncated one is written anew; None for any.
    """
    try:
        if size_bytes is not None and path.stat().st_size != size_bytes:
            return False
        os.utime(path)
    except FileNotFoundError:  # or deleted a moment ago
        return False
    except OSError:  # a store that cannot be written, and so cannot be swept
        return path.is_file()
    return True


def _sweep(folder: Path) -> None:
    """What earlier versions left; `write_whole` sweeps away the rest."""
    for path in folder.glob(f"{_OF_EARLIER_VERSIONS}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _SWEPT_AFTER_S:
                path.unlink()
