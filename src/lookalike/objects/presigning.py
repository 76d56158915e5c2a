"""What a store of objects may be able to do besides: let clients bring bytes to it without going through us.

An engine has the capability by having the method. A store of S3 signs URLs of its own server; our own folder signs URLs
of the service, which then receives the bytes (`lookalike.objects.receiving.Receiving`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable


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


@runtime_checkable
class Presigning(Protocol):
    """Signs what a client may bring: exactly those bytes, once, until a time."""

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
            owner: name of who asks; a store that receives bytes through us counts what comes as theirs.
        Raises:
            BadInput: when one of them cannot be signed.
            StorageFailed, ReadOnly: when there is no key to sign with, and none can be made.
        """
        ...
