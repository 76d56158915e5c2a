"""The promise of direct uploads: a store that presigns, and in which what clients bring waits until it is looked at.

An upload's id is 32 lower-case hexadecimal digits. What is handed to the client is bound to the length, the type and
the SHA-256 that it announced; bytes that came are never replaced by others. Where the storage was not seen to check
that (`Proving`), who completes an upload hashes them again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, runtime_checkable

from lookalike.core.errors import BadInput, UploadRefused
from lookalike.objects.base import Leftover
from lookalike.objects.presigning import Presigning

SWEPT_AFTER_S = 86_400.0
"""How old bytes must be that nobody waits for any more, in seconds, before they are deleted."""

UNKNOWN_KEPT_S = 40 * 86_400.0
"""So long bytes are kept of which it is not known whether somebody waits for them: no upload waits longer than 37 days,
7 for its completion and 30 for somebody to put it in again."""

QUARANTINE_KEPT_S = 30 * 86_400.0
"""So long bytes are kept apart for somebody to look at."""

_UPLOAD_ID = re.compile("[0-9a-f]{32}")


class StagedFacts(NamedTuple):
    """What came.

    Attributes:
        size_bytes: how much.
        sha256: hashed anew, 64 lower-case hexadecimal digits.
    """

    size_bytes: int
    sha256: str


class DirectUploads(Presigning, Protocol):
    """Safe to use from many threads and processes. All calls raise `BadInput` for what is no upload's id."""

    def stage(self, upload_id: str, data: bytes) -> None:
        """Put bytes there on a client's behalf; durable when this returns.

        Raises:
            Conflict: `already_uploaded`, when other bytes are there.
            StorageFailed, ReadOnly: when it cannot be written; nothing is left then.
        """
        ...

    def staged(self, upload_id: str) -> StagedFacts | None:
        """What came; None where nothing is (any more). Reads it all."""
        ...

    def read(self, upload_id: str) -> bytes:
        """The bytes that came.

        Raises:
            UploadRefused: `not_uploaded`, when there are none (any more).
            StorageFailed: when they cannot be read.
        """
        ...

    def discard(self, upload_id: str) -> None:
        """Let go of the bytes that came. Idempotent."""
        ...

    def quarantine(self, upload_id: str, data: bytes) -> None:
        """Keep these bytes apart, for somebody to look at; what came is let go of. Durable; idempotent."""
        ...

    def quarantined(self, upload_id: str) -> bytes | None:
        """What is kept apart; None where nothing is."""
        ...

    def sweep(self, is_wanted: Callable[[str], bool | None], *, dry_run: bool = False) -> list[Leftover]:
        """Delete what came long ago and nobody waits for.

        That is: what came by half, or whole for an upload that is not wanted, more than a day ago; whole for an upload
        of which that is not known, more than 40 days ago; and what was quarantined more than 30 days ago.

        Args:
            is_wanted: by the upload's id; None where that is not known.
            dry_run: only say what would be deleted.
        Returns:
            what was deleted.
        Raises:
            ReadOnly, StorageFailed: when something cannot be deleted; the rest is left then.
        """
        ...


class ProvenBytes(Iterable[bytes], Protocol):
    """Bytes that came, of which the store has checked that they are those that were announced.

    Only their beginning has been read. Iterated, it gives all of them, in pieces, each time anew; an object store that
    lies where they do keeps them without being sent them.
    """

    @property
    def beginning(self) -> bytes:
        """The first of them."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        ...


@runtime_checkable
class Proving(Protocol):
    """What a store may be able to do besides: answer for what came without its being read. It has it by this method."""

    def proven(self, upload_id: str, *, sha256: str) -> ProvenBytes | None:
        """What came, where the store has checked it against its hash.

        Args:
            upload_id: of the upload.
            sha256: that was announced for it.
        Returns:
            None where the store does not check, or was not seen to: read it all then.
        Raises:
            UploadRefused: `not_uploaded`, when nothing is there (any more).
        """
        ...


def check_upload_id(upload_id: str) -> str:
    """The id itself, so that nothing else ever becomes part of a path.

    Raises:
        BadInput: when it is no id.
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise BadInput(
            f"expected an upload's id of 32 lower-case hexadecimal digits, got {upload_id[:80]!r}; "
            "take the one that was given out"
        )
    return upload_id


def not_uploaded(upload_id: str) -> UploadRefused:
    """The error for bytes that did not come."""
    return UploadRefused(f"the bytes of upload {upload_id} are not there: PUT them first", code="not_uploaded")


def is_unwanted(wanted: bool | None, *, age_s: float) -> bool:
    """Whether bytes of that age are to be deleted, which are more than a day old."""
    return age_s > UNKNOWN_KEPT_S if wanted is None else not wanted
