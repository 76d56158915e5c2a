"""What signs the addresses of uploads: one file, the same for all processes and after a restart."""

from __future__ import annotations

import errno
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from lookalike.core.errors import LookalikeError, StorageFailed
from lookalike.objects.durable import translating
from lookalike.storage.private import keep_private
from lookalike.storage.whole_file import write_whole

SECRET_BYTES = 32

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class SigningKey:
    """Read, or made, when it is first needed. Safe to use from many threads and processes.

    While it can neither be read nor made, nothing is signed: a key that one process alone knows would sign what the
    others refuse.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._secret: bytes | None = None

    def secret(self) -> bytes:
        """The key; at once, where it is known.

        Raises:
            StorageFailed, ReadOnly: when it can neither be read nor made, or the file holds something else.
        """
        with self._mutex:
            if self._secret is None:
                with translating(self._path):
                    self._secret = _read(self._path)
            return self._secret

    def check(self) -> None:
        """Whether it is the one that all processes, and those to come, know.

        Raises:
            StorageFailed, ReadOnly: when there is none yet, or the file holds another by now, or is gone.
        """
        secret = self.secret()
        try:
            found = self._path.read_bytes()
        except OSError as error:
            raise StorageFailed(
                f"{self._path}: cannot be read ({error.strerror}): put it back, or start again"
            ) from error
        if not secrets.compare_digest(found, secret):
            raise StorageFailed(
                f"{self._path}: expected the key that was there at the start, but it was changed since "
                f"({len(found)} bytes): put the old one back, or start again"
            )


def is_of_the_disk(error: LookalikeError) -> bool:
    """Whether the disk is full or cannot be written, which may be over in a moment."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _OF_THE_DISK


def _read(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    keep_private(path)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise StorageFailed(
            f"{path}: expected {SECRET_BYTES} bytes, got {len(secret)}: restore it, or remove it, and one is made"
        )
    return secret


def _make(path: Path) -> None:
    with suppress(FileExistsError):  # never over another's
        write_whole(path, secrets.token_bytes(SECRET_BYTES), is_new=True, is_our_folder=False)
