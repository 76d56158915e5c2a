"""The promise of direct uploads: a client is told where to PUT bytes, and they wait there until they are looked at.

An upload's id is 32 lower-case hexadecimal digits. What is handed to the client is bound to the length, the type and
the SHA-256 that it announced; bytes that came are never replaced by others. The service hashes them again all the same,
for not every storage checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from lookalike.core.errors import BadInput, UploadRefused
from lookalike.objects.base import Leftover

SWEPT_AFTER_S = 86_400.0
"""How old bytes must be that nobody waits for any more, in seconds, before they are deleted."""

UNKNOWN_KEPT_S = 40 * 86_400.0
"""So long bytes are kept of which it is not known whether somebody waits for them: no upload waits longer than 37 days,
7 for its completion and 30 for somebody to put it in again."""

QUARANTINE_KEPT_S = 30 * 86_400.0
"""So long bytes are kept apart for somebody to look at."""

_UPLOAD_ID = re.compile("[0-9a-f]{32}")


class PresignedPut(NamedTuple):
    """A request that a client may make without other credentials.

    Attributes:
        method: `PUT`.
        url: with a signature.
        headers: to be sent exactly so.
        expires_at: Unix time in seconds.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: float


class StagedFacts(NamedTuple):
    """What came.

    Attributes:
        size_bytes: how much.
        sha256: hashed anew, 64 lower-case hexadecimal digits.
    """

    size_bytes: int
    sha256: str


class DirectUploads(Protocol):
    """Safe to use from many threads and processes. All calls raise `BadInput` for what is no upload's id."""

    def presign(
        self, upload_id: str, *, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str = ""
    ) -> PresignedPut:
        """Say how exactly these bytes can be brought.

        Args:
            upload_id: of the upload.
            size_bytes: at least 1.
            content_type: such as `image/jpeg`.
            sha256: 64 lower-case hexadecimal digits.
            expires_at: Unix time in seconds; afterwards nothing is taken any more.
            owner: name of who asks; storage of our own counts what comes as theirs.
        Raises:
            BadInput: when one of them cannot be signed.
            StorageFailed, ReadOnly: when there is no key to sign with, and none can be made.
        """
        ...

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


def checked_upload_id(upload_id: str) -> str:
    """The id itself, so that nothing else ever becomes part of a path.

    Raises:
        BadInput: when it is no id.
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise BadInput(f"expected an upload's id of 32 lower-case hexadecimal digits, got {upload_id[:80]!r}")
    return upload_id


def not_uploaded(upload_id: str) -> UploadRefused:
    """The error for bytes that did not come."""
    return UploadRefused(f"the bytes of upload {upload_id} are not there: PUT them first", code="not_uploaded")


def is_unwanted(wanted: bool | None, *, age_s: float) -> bool:
    """Whether bytes of that age are to be deleted, which are more than a day old."""
    return age_s > UNKNOWN_KEPT_S if wanted is None else not wanted
