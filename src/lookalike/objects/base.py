"""The promise of an object store: bytes in, their SHA-256 out, and the same bytes or an error back.

A store is called outside of transactions, for it may be far away. What keeps its bytes and the catalog's rows together
is the order: bytes are put before the row that refers to them is committed, and deleted after the row has gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from lookalike.core.errors import BadInput, NotIndexed
from lookalike.objects.streams import Data, ObjectStream, damaged

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
    """Holds the pictures that users added as bytes or arrays. Safe to use from many threads and processes.

    An engine whose bytes lie elsewhere tries again by itself what may succeed then: no caller does. Any of its calls
    may raise `ServiceDown`, when there is no answer all the same, or `Overloaded`, when it is asked to come again later
    than it waits; what was to be changed may have been changed then.
    """

    def put(self, data: Data, *, expected: str | None = None) -> str:
        """Keep bytes; they are durable when this returns. Idempotent.

        Args:
            data: all of them, or pieces in order, of which no more than some are in memory at once.
            expected: the id that they must have; None for whatever they have.
        Returns:
            their id: SHA-256, 64 lower-case hexadecimal digits.
        Raises:
            BadInput: when `expected` is no id.
            UploadRefused: `hash_mismatch`, when they have another id than `expected`; nothing of them is kept then.
            ReadOnly: when the store cannot be written.
            StorageFailed: when the disk is full or fails; the store is as before then.
        """
        ...

    def put_if_absent(self, object_id: str, data: Data) -> bool:
        """Keep bytes whose id is known, where they are not there yet; pieces are not asked for where they are.

        Of two that put the same at once both may be told that they were first, and where an answer was lost, nobody.

        Returns:
            whether they were put now. Where they were there, they count as new all the same, as after `put`.
        Raises:
            BadInput, UploadRefused, ReadOnly, StorageFailed: as `put`.
        """
        ...

    def get(self, object_id: str) -> bytes:
        """The bytes, all in memory, compared with their hash.

        Raises:
            BadInput: when `object_id` is no id.
            NotIndexed: when they are not there.
            StorageFailed: when they cannot be read, or, with the code `bytes_damaged`, are others than they were.
        """
        ...

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream, or a range of it. The caller closes it. Raises as `get`.

        Who reads the whole is told of damage before the last piece, here or by what reads the stream; a range cannot be
        compared with the hash.

        Args:
            object_id: of the object.
            first: the first byte, counted from 0; one behind the end gives no bytes.
            size_bytes: at most so many; None for all until the end.
        Raises:
            BadInput: when that is no range.
        """
        ...

    def has(self, object_id: str) -> bool:
        """Whether they are there; it does not look whether they are whole.

        Raises:
            BadInput: when `object_id` is no id.
        """
        ...

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; unknown ids are passed over. Idempotent.

        Of one that somebody puts at the same time it is not said which of the two comes last.

        Raises:
            BadInput: when one is no id; nothing is deleted then.
            ReadOnly, StorageFailed: as in `put`; some may be deleted then.
        """
        ...

    def ids(self, *, prefix: str = "", after: str = "") -> Iterator[str]:
        """The ids of what is there, sorted; no more than some thousands are in memory at once.

        What is put or deleted meanwhile may be among them or not; all others are, once each.

        Args:
            prefix: with which they begin, hexadecimal digits.
            after: only those that come later in the order.
        """
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


def check_id(object_id: str) -> str:
    """The id itself, so that nothing else ever becomes part of a path.

    Raises:
        BadInput: when it is no id.
    """
    if not _SHA256.fullmatch(object_id):
        raise BadInput(
            f"expected an id of 64 lower-case hexadecimal digits, got {object_id[:80]!r}; take it from a listing"
        )
    return object_id


def missing(object_id: str) -> NotIndexed:
    """The error for bytes that are not there."""
    return NotIndexed(
        f"expected bytes of a picture under {object_id}, got none; restore them from a backup, or add the picture again"
    )


def whole(data: bytes, object_id: str) -> bytes:
    """The bytes themselves, if they are those of that id.

    Raises:
        StorageFailed: when they are not.
    """
    if id_of(data) != object_id:
        raise damaged(object_id, len(data))
    return data
