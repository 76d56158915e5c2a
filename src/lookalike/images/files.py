"""Reading a file that may be anything: a pipe, a directory, growing, gone."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lookalike.core.errors import ImageRefused
from lookalike.images.guard import too_large
from lookalike.images.known_formats import picture_extensions
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.refusals import RefusalCode, refusal

# Without waiting for the other end of a pipe, without becoming a terminal's process, not for our children.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_PIECE_BYTES = 1 << 18
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_NOT_FILES = frozenset({errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBytes:
    """What a file held at one moment.

    Attributes:
        data: all of its bytes.
        size_bytes: their number, as the file system told before and after.
        mtime_ns: in nanoseconds, as the file system told before and after.
    """

    data: bytes
    size_bytes: int
    mtime_ns: int


def looks_like_picture(name: str) -> bool:
    """Whether a name ends like a picture's: for choosing files in a folder. What a file is, its content tells."""
    return os.path.splitext(name)[1][1:].lower() in picture_extensions()


def content_id(data: bytes) -> str:
    """The id of a picture: SHA-256 of the file's bytes, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def first_bytes(path: str, count: int) -> bytes:
    """The first bytes of a regular file, or fewer; never waits.

    Raises:
        OSError, ValueError: when it cannot be opened or read, or is no regular file.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return os.read(descriptor, count)
    finally:
        os.close(descriptor)


def read_file(path: str | os.PathLike[str], *, limits: ImageLimits = DEFAULT_LIMITS) -> FileBytes:
    """Read a whole regular file, with size and time that belong to the bytes read.

    Never waits: pipes, sockets and devices are refused before anything is read from them. Symbolic links are
    followed.

    Args:
        path: of the file; bytes that are not UTF-8 as surrogate escapes.
        limits: `max_bytes` counts.
    Raises:
        ImageRefused: `empty`, `too_large`, `not_a_file`, `vanished`, `unreadable`, or `changed` when the file
            was written to while it was read. The reason does not repeat the path.
    """
    with _translating():
        descriptor = os.open(path, _OPEN_FLAGS)
        try:
            return _read_open(descriptor, limits=limits)
        finally:
            os.close(descriptor)


def open_file(path: str | os.PathLike[str], *, limits: ImageLimits = DEFAULT_LIMITS) -> OpenFile:
    """Open a regular file, to be read piece by piece. Takes and raises what `read_file` does, but for `changed`."""
    with _translating():
        opened = OpenFile(os.open(path, _OPEN_FLAGS))
        try:
            _check(os.stat(opened.descriptor), limits=limits)
        except BaseException:
            opened.close()
            raise
        return opened


class OpenFile:
    """A file that is read from any place. It is closed when nobody holds it any more, at the latest.

    Args:
        descriptor: of the file; this closes it.

    Attributes:
        descriptor: likewise.
        size_bytes: when it was opened.
    """

    def __init__(self, descriptor: int) -> None:
        self._closing = weakref.finalize(self, os.close, descriptor)
        self.descriptor = descriptor
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, start: int, size_bytes: int) -> bytes:
        """So many bytes from a place, or fewer where the file ends.

        Raises:
            OSError: when they cannot be read.
        """
        return os.pread(self.descriptor, size_bytes, start)

    def content_id(self) -> str:
        """The id of its bytes, see `content_id`; no more than a piece of them is held.

        Raises:
            OSError: when they cannot be read.
        """
        digest, start = hashlib.sha256(), 0
        while piece := self.read(start, _PIECE_BYTES):
            digest.update(piece)
            start += len(piece)
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._closing()


def _check(facts: os.stat_result, *, limits: ImageLimits) -> os.stat_result:
    if not stat.S_ISREG(facts.st_mode):
        raise refusal(RefusalCode.NOT_A_FILE, f"expected a file, got a {_kind(facts.st_mode)}")
    if facts.st_size > limits.max_bytes:
        raise too_large(facts.st_size, limits=limits)
    if facts.st_size == 0:
        raise refusal(RefusalCode.EMPTY, "expected a picture, but the file is empty")
    return facts


def _read_open(descriptor: int, *, limits: ImageLimits) -> FileBytes:
    before = _check(os.fstat(descriptor), limits=limits)
    data = _read_up_to(descriptor, size_bytes=before.st_size + 1)
    after = os.fstat(descriptor)
    told = {(before.st_size, before.st_mtime_ns), (after.st_size, after.st_mtime_ns), (len(data), before.st_mtime_ns)}
    if len(told) != 1:
        raise refusal(RefusalCode.CHANGED, "expected a file that is finished, but it was written to while it was read")
    return FileBytes(data=data, size_bytes=before.st_size, mtime_ns=before.st_mtime_ns)


def _read_up_to(descriptor: int, *, size_bytes: int) -> bytes:
    first = os.read(descriptor, size_bytes)
    parts, left = [first], size_bytes - len(first)
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return first if len(parts) == 1 else b"".join(parts)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "directory"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "device")


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refusal(error) from error
    except ValueError as error:  # a name with a zero byte or with characters that no file system knows
        raise refusal(
            RefusalCode.UNREADABLE, f"the file cannot be read under that name: {error}", to_do="rename it"
        ) from error
    except MemoryError as error:
        raise refusal(RefusalCode.TOO_LARGE, "the file cannot be read: it does not fit into memory") from error


def _refusal(error: OSError) -> ImageRefused:
    if error.errno in _GONE:
        return refusal(RefusalCode.VANISHED, "the file is not there (any more)")
    if error.errno in _NOT_FILES:
        return refusal(RefusalCode.NOT_A_FILE, "expected a file, got a socket, a device or a directory")
    if error.errno == errno.ELOOP:
        reason = "the file cannot be read: its symbolic links lead in a circle"
        return refusal(RefusalCode.UNREADABLE, reason, to_do="remove one of the links")
    return refusal(RefusalCode.UNREADABLE, f"the file cannot be read: {error.strerror or error}")
