"""Bytes of any number as they come and go: an object that is read piece by piece, and pieces that are hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

from lookalike.core.errors import BadInput, StorageFailed, UploadRefused
from lookalike.images.files import OpenFile

PIECE_BYTES: Final = 1 << 20
"""What is read at once; no more of an object than that is in memory."""

Data = bytes | Iterable[bytes]
"""What an object store takes: all bytes, or pieces of them in order; of an open file `pieces_of` it."""


DAMAGED: Final = "bytes_damaged"
"""The code of a `StorageFailed` that says that bytes are there and are others than they were."""


class Readable(Protocol):
    """Gives bytes in order."""

    def read(self, size_bytes: int, /) -> bytes:
        """The next ones, at most so many; none at the end."""
        ...


class ObjectStream:
    """The bytes of an object, or a range of them, in order; for one thread at a time.

    A context manager that closes it. An engine gives it `_next`, and `close` where there is something to let go of.

    Args:
        total_bytes: of the object.
        first: the first byte that is given, counted from 0.
        size_bytes: how many bytes are given at most; None for all until the end.
        sha256: of the object, with which the whole is compared while it is read; None where that was done before.

    Attributes:
        total_bytes: of the object.
        first: the first byte that is given; `total_bytes` where the range begins behind the end.
        size_bytes: how many bytes it gives in all.
    """

    def __init__(
        self, total_bytes: int, *, first: int = 0, size_bytes: int | None = None, sha256: str | None = None
    ) -> None:
        self.total_bytes = total_bytes
        self.first = min(first, total_bytes)
        left = total_bytes - self.first
        self.size_bytes = left if size_bytes is None else min(size_bytes, left)
        self._given_bytes = 0
        self._sha256 = sha256 if self.is_whole else None
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_whole(self) -> bool:
        """Whether it gives every byte of the object."""
        return self.size_bytes == self.total_bytes

    def read(self, size_bytes: int, /) -> bytes:
        """The next bytes: at most so many, at least one; none at the end of the range.

        Raises:
            StorageFailed: when they cannot be read; with the code `bytes_damaged`, in the place of the last ones, when
                all together are others than they were.
            ServiceDown, Overloaded: as in `Objects`.
        """
        wanted = min(size_bytes, self.size_bytes - self._given_bytes)
        piece = self._next(self.first + self._given_bytes, wanted) if wanted > 0 else b""
        self._given_bytes += len(piece)
        if self._sha256 is not None:
            self._digest.update(piece)
            is_end = not piece or self._given_bytes == self.size_bytes
            if is_end and self._digest.hexdigest() != self._sha256:
                raise damaged(self._sha256, self._given_bytes)
        return piece

    def close(self) -> None:
        """Let go of it. Idempotent."""

    def _next(self, start: int, size_bytes: int) -> bytes:
        """The bytes from a place in the object, which follows on the last one that was asked for."""
        raise NotImplementedError


class FileStream(ObjectStream):
    """The bytes of an open file, which is closed with it.

    Args:
        file: that it reads from.
        first: see `ObjectStream`.
        size_bytes: likewise.
    """

    def __init__(self, file: OpenFile, *, first: int = 0, size_bytes: int | None = None) -> None:
        super().__init__(file.size_bytes, first=first, size_bytes=size_bytes)
        self._file = file

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self, start: int, size_bytes: int) -> bytes:
        return self._file.read(start, size_bytes)


class BytesStream(ObjectStream):
    """Bytes that are in memory.

    Args:
        data: all of the object.
        first: see `ObjectStream`.
        size_bytes: likewise.
    """

    def __init__(self, data: bytes, *, first: int = 0, size_bytes: int | None = None) -> None:
        super().__init__(len(data), first=first, size_bytes=size_bytes)
        self._data = data

    def _next(self, start: int, size_bytes: int) -> bytes:
        return self._data[start : start + size_bytes]


class Hashed:
    """Pieces on their way, which are counted and hashed; iterated over once.

    Args:
        data: see `Data`.

    Attributes:
        size_bytes: that have passed.
    """

    def __init__(self, data: Data) -> None:
        self._pieces: Iterable[bytes] = (data,) if isinstance(data, bytes) else data
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._digest.update(piece)
            self.size_bytes += len(piece)
            yield piece

    def check(self, expected: str | None) -> str:
        """The id of all that has passed.

        Args:
            expected: what it must be; None for anything.
        Raises:
            UploadRefused: `hash_mismatch`, when it is another.
        """
        object_id = self._digest.hexdigest()
        if expected is not None and object_id != expected:
            raise UploadRefused(
                f"expected bytes of SHA-256 {expected}, got {self.size_bytes} of SHA-256 {object_id}: send them again",
                code="hash_mismatch",
            )
        return object_id


def pieces_of(source: Readable | BinaryIO) -> Iterator[bytes]:
    """All that is still to be read from a stream or an open file, no more than `PIECE_BYTES` at a time."""
    while piece := source.read(PIECE_BYTES):
        yield piece


def check_range(first: int, size_bytes: int | None) -> None:
    """Look at a range.

    Raises:
        BadInput: when it begins before the first byte, or has a negative size.
    """
    if first < 0 or (size_bytes is not None and size_bytes < 0):
        raise BadInput(
            f"expected a range from byte 0 on, of 0 bytes or more, got {size_bytes} bytes from byte {first}; "
            "leave both out for all"
        )


def damaged(object_id: str, size_bytes: int) -> StorageFailed:
    """The error for bytes that are others."""
    return StorageFailed(
        f"expected the stored picture {object_id}, got {size_bytes} bytes of another hash: it is damaged; "
        "remove it and add the picture again",
        code=DAMAGED,
    )
