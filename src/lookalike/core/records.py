"""What the catalog holds and what flows between the floors: small frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Metadata: TypeAlias = dict[str, Json]

LEAST_OF_AN_ID = 8
"""The beginning of a picture's id must have this many digits."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture: one sequence of bytes, however many files hold it.

    Attributes:
        id: SHA-256 of the file's bytes, 64 lower-case hexadecimal digits.
        width: in pixels, upright (after the EXIF orientation).
        height: in pixels, upright.
        format: `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `avif`, `heic`.
        size_bytes: of the file.
        taken_at: when it was taken, `YYYY-MM-DDTHH:MM:SS` in the camera's own time, or None.
        camera: maker and model from EXIF, or None.
        metadata: the user's own fields.
        provisional: True while its vector is what a client said, not compared with ours yet.
    """

    id: str
    width: int
    height: int
    format: str
    size_bytes: int
    taken_at: str | None = None
    camera: str | None = None
    metadata: Metadata = field(default_factory=dict)
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file in which a picture lies.

    Attributes:
        path: absolute, as `os.fsdecode` gives it (bytes that are not UTF-8 are surrogate escapes).
        image_id: the picture's id.
        size_bytes: as the file system told when it was read.
        mtime_ns: likewise, in nanoseconds.
    """

    path: str
    image_id: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that was refused, remembered so that it is not read again until it changes.

    Attributes:
        path: as in `FileRecord`.
        size_bytes, mtime_ns: as in `FileRecord`.
        code: the word for programs, as in `ImageRefused.code`.
        reason: the line for people.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    code: str
    reason: str


Cursor = NewType("Cursor", str)
"""A place in the change feed of one catalog's history. To be kept, given back and compared for equality; plain text."""

START: Final = Cursor("")
"""Before all changes, in every history."""


def numbered_cursor(seq: int, history: str) -> Cursor:
    """The cursor of a catalog that numbers its changes one after the other, as SQLite's does.

    Args:
        seq: the number of the last change before that place; 0 for none.
        history: a word for who made that change.
    """
    return Cursor(f"{seq} {history}") if seq else START


class ChangeKind(StrEnum):
    """What has become of a picture."""

    VECTOR = "vector"
    """It was added, came back, or has another vector; the rest of it may be another one, too."""

    METADATA = "metadata"
    """Its vector is as it was; something else is not."""

    REMOVED = "removed"
    """It is no longer in the collection."""


INDEXED: Final = frozenset({ChangeKind.VECTOR, ChangeKind.REMOVED})
"""What an index follows: the other changes are none of its contents."""


class Change(NamedTuple):
    """One entry of the catalog's change feed.

    Attributes:
        key: the picture's number in indexes.
        kind: what has become of it.
    """

    key: int
    kind: ChangeKind


class ChangePage(NamedTuple):
    """Some of the changes after a cursor.

    Attributes:
        changes: in the order in which they became true, each picture once.
        cursor: to go on from; it may have moved on although nothing is told.
        complete: whether there was nothing after them.
    """

    changes: Sequence[Change]
    cursor: Cursor
    complete: bool


class Neighbours(NamedTuple):
    """Answers of an index.

    Attributes:
        keys: shape (N, k), int64, best first, padded with -1 where fewer than k items were eligible.
        similarities: shape (N, k), float32, cosine, higher is closer, padded with -inf.
        exact: True where no closer item can have been missed.
        scanned: how many items were compared with each query; of an approximate search, on average.
        plan: the way that was taken, in words.
        error: how far a similarity can be from the cosine of the vectors that the index was given, at most.
    """

    keys: NDArray[np.int64]
    similarities: NDArray[np.float32]
    exact: bool
    scanned: int
    plan: str = "exact"
    error: float = 0.0


__all__ = [
    "INDEXED",
    "START",
    "Change",
    "ChangeKind",
    "ChangePage",
    "Cursor",
    "FileRecord",
    "ImageRecord",
    "Json",
    "Keys",
    "Metadata",
    "Neighbours",
    "RefusedFile",
    "numbered_cursor",
]
