"""Finding the files that may be pictures."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lookalike.core.errors import BadInput
from lookalike.core.paths import absolute
from lookalike.images.candidates import PassedOverAs, reason_to_pass_over
from lookalike.images.exclusion import Exclusion
from lookalike.images.files import looks_like_picture

EXCLUDED_FOLDERS = (
    ".*",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "__pycache__",
    "node_modules",
    "lost+found",
    "*.lrdata",
    "*.lookalike",
)
"""Folders that are passed over: hidden ones, those in which systems and programs keep thumbnails and rubbish."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to look at.

    Attributes:
        path: absolute, as `os.fsdecode` gives it.
        size_bytes: when it was found; -1 where that could not be told.
        mtime_ns: likewise, in nanoseconds; -1 where that could not be told.
    """

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class NotWalked:
    """A folder that could not be listed.

    Attributes:
        path: absolute.
        reason: one line.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A file or a folder that was passed over.

    Attributes:
        path: absolute.
        reason: what it is taken for.
    """

    path: str
    reason: PassedOverAs


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A pattern of `exclude` that has matched nothing; these come last."""

    pattern: str


Known = Callable[[Sequence[str]], Container[str]]
"""Which of some paths are known."""

Walked = FoundFile | NotWalked | NotTaken | Unmatched


def walk(
    paths: Iterable[str | os.PathLike[str]],
    *,
    exclude: Sequence[str] = (),
    skip_folders: Iterable[str] = (),
    known: Known | None = None,
) -> Iterator[Walked]:
    """Find files below folders, in sorted order, each once.

    In folders, names that end like a picture's are taken, and other names where the first bytes are a picture's;
    hidden files and `EXCLUDED_FOLDERS` are not. What is passed over is told. Links are followed, each folder is entered
    once, so that circles end. A file named in `paths` is taken whatever its name.

    Args:
        paths: folders and files.
        exclude: patterns of what is passed over, see `lookalike.images.exclusion`.
        skip_folders: folders that are not entered whatever leads to them, such as the collection's own.
        known: says which of a folder's paths are taken without a look at their first bytes; asked once a folder, about
            those whose names do not end like a picture's.
    Raises:
        BadInput: when one of `paths` is not there, or is no text at all.
    """
    paths = list(paths)
    exclusion = Exclusion(exclude, [absolute(path) for path in paths])
    walker = _Walker(exclusion, skip_folders, known, given=frozenset(map(absolute, paths)))
    for given in paths:
        if not os.fspath(given):
            raise BadInput(
                "expected the path of a folder or a file, got an empty text; name . for the folder where you are"
            )
        path = absolute(given)
        try:
            status = os.stat(path)
        except OSError as error:
            raise BadInput(
                f"expected a folder or a file, but {path!r} cannot be read: {error.strerror}; "
                "mount its disk, or correct the path"
            ) from error
        except ValueError as error:
            raise BadInput(
                f"expected a folder or a file, but {path!r} is no possible name: {error}; correct the path"
            ) from error
        yield from walker.folder(path) if stat.S_ISDIR(status.st_mode) else walker.file(path, status)
    yield from map(Unmatched, exclusion.unmatched)


class _Walker:
    """Enters each folder once, so that only a file that is given by name may come twice: as itself and in a folder."""

    def __init__(
        self, exclusion: Exclusion, skip_folders: Iterable[str], known: Known | None, *, given: frozenset[str]
    ) -> None:
        self._exclusion = exclusion
        self._known = known
        self._entered = {identity for folder in skip_folders if (identity := _identity(folder)) is not None}
        self._given = given
        self._taken: set[str] = set()  # of those that are given

    def file(self, path: str, status: os.stat_result | None) -> Iterator[FoundFile]:
        if path in self._taken:
            return
        if path in self._given:
            self._taken.add(path)
        yield FoundFile(path, status.st_size, status.st_mtime_ns) if status else FoundFile(path, -1, -1)

    def folder(self, top: str) -> Iterator[FoundFile | NotWalked | NotTaken]:
        waiting = [top]
        while waiting:
            path = waiting.pop()
            try:
                entries = self._list(path)
            except OSError as error:
                yield NotWalked(path, f"the folder cannot be listed: {error.strerror or error}")
                continue
            known = self._known_among(entries)
            inside = []
            for entry in entries:
                is_folder = _is_folder(entry)
                reason = self._reason(entry, is_folder=is_folder, known=known)
                if reason is not None:
                    yield NotTaken(entry.path, reason)
                elif is_folder:
                    inside.append(entry.path)
                elif not entry.name.startswith("."):
                    yield from self.file(entry.path, _status(entry))
            waiting.extend(reversed(inside))

    def _list(self, path: str) -> list[os.DirEntry[str]]:
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        if identity in self._entered:
            return []
        self._entered.add(identity)
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)

    def _known_among(self, entries: Sequence[os.DirEntry[str]]) -> Container[str]:
        if self._known is None:
            return ()
        unclear = [entry.path for entry in entries if not looks_like_picture(entry.name)]
        return self._known(unclear) if unclear else ()

    def _reason(self, entry: os.DirEntry[str], *, is_folder: bool, known: Container[str]) -> PassedOverAs | None:
        """Why an entry of a folder is passed over. Hidden files that are no pictures are nobody's business."""
        if self._exclusion.excludes(entry.path, is_folder=is_folder):
            return PassedOverAs.EXCLUDED
        if is_folder:
            excluded = any(fnmatchcase(entry.name, pattern) for pattern in EXCLUDED_FOLDERS)
            return (PassedOverAs.HIDDEN if entry.name[0] == "." else PassedOverAs.SYSTEM_FOLDER) if excluded else None
        if entry.name.startswith("."):
            return PassedOverAs.HIDDEN if looks_like_picture(entry.name) else None
        return None if entry.path in known else reason_to_pass_over(entry.path, entry.name)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle: taken as a file, and refused with its reason when it is read
        return False


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:  # gone, or a link to nowhere: the reading says so
        return None
