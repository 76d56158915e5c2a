"""The promise of an object store: bytes in, their SHA-256 out, and the same bytes or an error back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from lookalike.core.errors import BadInput, NotIndexed, StorageFailed
from lookalike.images.files import OpenFile

DAMAGED: Final = "bytes_damaged"
"""The code of a `StorageFailed` that says that bytes are there and are others than they were."""

_SHA256 = re.compile("[0-9a-f]{64}")


class Leftover(NamedTuple):
    """Bytes that may be left over.

    Attributes:
        kind: what they are.
        name: an id, or the name of a file.
        size_bytes: how many.
    """

    kind: LeftoverKind
    name: str
    size_bytes: int


class LeftoverKind(StrEnum):
    """What left over bytes are."""

    OBJECT = "kept"
    """Of a picture, whole."""
    HALF_WRITTEN = "half-written"
    """By a process that died."""
    STAGED = "staged"
    """Brought for an upload."""
    QUARANTINED = "quarantined"
    """Kept apart for somebody to look at."""


class Objects(Protocol):
    """Holds the pictures that users added as bytes or arrays. Safe to use from many threads and processes."""

    def put(self, data: bytes) -> str:
        """Keep bytes; they are durable when this returns. Idempotent.

        Returns:
            their id: SHA-256, 64 lower-case hexadecimal digits.
        Raises:
            ReadOnly: when the store cannot be written.
            StorageFailed: when the disk is full or fails; the store is as before then.
        """
        ...

    def get(self, object_id: str) -> bytes:
        """The bytes, compared with their hash.

        Raises:
            BadInput: when `object_id` is no id.
            NotIndexed: when they are not there.
            StorageFailed: when they cannot be read, or, with the code `bytes_damaged`, are others than they were.
        """
        ...

    def open(self, object_id: str) -> OpenFile:
        """The same as an open file. The caller closes it. Raises as `get`."""
        ...

    def has(self, object_id: str) -> bool:
        """Whether they are there; it does not look whether they are whole.

        Raises:
            BadInput: when `object_id` is no id.
        """
        ...

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; unknown ids are passed over. Idempotent.

        Raises:
            BadInput: when one is no id; nothing is deleted then.
            ReadOnly, StorageFailed: as in `put`; some may be deleted then.
        """
        ...

    def ids(self) -> Iterator[str]:
        """The ids of all that is there, sorted."""
        ...

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time, in Unix time in seconds, in no order; an id that is put again is new."""
        ...

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:
        """Delete what was left half-written before a time, which nothing ever looks at.

        Args:
            before: Unix time in seconds.
            dry_run: only say what would be deleted.
        Returns:
            what was deleted.
        Raises:
            ReadOnly, StorageFailed: as in `put`; some may be deleted then.
        """
        ...


def id_of(data: bytes) -> str:
    """The id of bytes."""
    return hashlib.sha256(data).hexdigest()


def checked_id(object_id: str) -> str:
    """The id itself, so that nothing else ever becomes part of a path.

    Raises:
        BadInput: when it is no id.
    """
    if not _SHA256.fullmatch(object_id):
        raise BadInput(f"expected an id of 64 lower-case hexadecimal digits, got {object_id[:80]!r}")
    return object_id


def missing(object_id: str) -> NotIndexed:
    """The error for bytes that are not there."""
    return NotIndexed(f"no picture is stored under {object_id}")


def whole(data: bytes, object_id: str) -> bytes:
    """The bytes themselves, if they are those of that id.

    Raises:
        StorageFailed: when they are not.
    """
    if id_of(data) != object_id:
        raise damaged(object_id, len(data))
    return data


def damaged(object_id: str, size_bytes: int) -> StorageFailed:
    """The error for bytes that are others."""
    return StorageFailed(
        f"the stored picture {object_id} is damaged: its {size_bytes} bytes have another hash; "
        "remove it and add the picture again",
        code=DAMAGED,
    )
