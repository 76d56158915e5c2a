"""URLs that allow one PUT of exactly the announced bytes, until a time: HMAC-SHA256 (RFC 2104) over all of it."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from lookalike.core.errors import BadInput, NotAllowed, UploadRefused
from lookalike.objects.base import check_id
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.uploads import check_upload_id

LEAST_SECRET_BYTES = 32

_PURPOSE = "lookalike upload 1"  # so that a signature made for anything else never fits
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
_NAMES = ("size", "type", "sha256", "expires", "owner")


class Announced(NamedTuple):
    """What a client may bring.

    Attributes:
        size_bytes: exactly so many.
        sha256: with this hash.
        owner: name of who asked for the URL.
    """

    size_bytes: int
    sha256: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class SignedUrls:
    """Makes such URLs, and checks them.

    Attributes:
        secret: at least 32 bytes.
        url_prefix: what stands before the upload's id; signed, too.
        clock: Unix time in seconds.
    """

    secret: bytes = field(repr=False)
    url_prefix: str
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if len(self.secret) < LEAST_SECRET_BYTES:
            raise BadInput(
                f"expected a secret of at least {LEAST_SECRET_BYTES} bytes, got {len(self.secret)}; make a longer one"
            )

    def presign(
        self, upload_id: str, *, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str = ""
    ) -> PresignedPut:
        """Make one; see `DirectUploads`."""
        check_upload_id(upload_id)
        check_signable(
            size_bytes=size_bytes, content_type=content_type, sha256=sha256, expires_at=expires_at, owner=owner
        )
        values = (str(size_bytes), content_type, sha256, f"{expires_at:.3f}", owner)
        query = urlencode({**dict(zip(_NAMES, values, strict=True)), "signature": self._signature(upload_id, values)})
        url = f"{self.url_prefix}/{upload_id}?{query}"
        return PresignedPut("PUT", url, {"Content-Type": content_type}, expires_at)

    def check(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Announced:
        """What a request may bring, before its body is read.

        Raises:
            BadInput: when that is no upload's id.
            NotAllowed: when the URL is not one that was made here, or was changed.
            UploadRefused: `upload_expired`; `size_mismatch` or `type_mismatch` where the headers say another length or
                type than was announced, or none.
        """
        check_upload_id(upload_id)
        values = tuple(query.get(name, "") for name in _NAMES)
        given = query.get("signature", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(self._signature(upload_id, values).encode(), given):
            raise NotAllowed("the URL of this upload is not one that was given out: ask for a new one")
        size, content_type, sha256, expires, owner = values
        if self.clock() >= float(expires):
            raise UploadRefused(
                "expected the bytes before the URL expires, got them after: ask for a new one", code="upload_expired"
            )
        said = {name.lower(): value.strip() for name, value in headers.items()}
        _check_same("Content-Length", size, said, code="size_mismatch")
        _check_same("Content-Type", content_type, said, code="type_mismatch")
        return Announced(int(size), sha256, owner)

    def _signature(self, upload_id: str, values: tuple[str, ...]) -> str:
        text = "\n".join((_PURPOSE, "PUT", self.url_prefix, upload_id, *values))
        return hmac.new(self.secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def check_signable(*, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str) -> None:
    """Look at what is to be signed; arguments as of `Presigning.presign`.

    Raises:
        BadInput: when one of them cannot be signed.
    """
    check_id(sha256)
    if size_bytes < 1:
        raise BadInput(f"expected a size of at least 1 byte, got {size_bytes}; say the size of the file")
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise BadInput(f"expected a content type such as image/jpeg, got {content_type[:80]!r}; say that of the file")
    if not math.isfinite(expires_at):
        raise BadInput(f"expected a time in seconds at which the URL expires, got {expires_at}; give Unix time")
    if not owner.isprintable():
        raise BadInput(f"expected a printable name of who asks, got {owner[:80]!r}; leave out what is not")


class SignsUrls:
    """The part of `DirectUploads` and of `Receiving` that is the same for all stores whose URLs lead to this service.

    Args:
        urls: gives what makes and checks them; asked for at each call.
    """

    def __init__(self, urls: Callable[[], SignedUrls]) -> None:
        self._urls = urls

    def presign(
        self, upload_id: str, *, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str = ""
    ) -> PresignedPut:
        """Say how exactly these bytes can be brought; see `DirectUploads`."""
        return self._urls().presign(
            upload_id,
            size_bytes=size_bytes,
            content_type=content_type,
            sha256=sha256,
            expires_at=expires_at,
            owner=owner,
        )

    def announced(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Announced:
        """What may be brought; see `Receiving`."""
        return self._urls().check(upload_id, query=query, headers=headers)


def _check_same(name: str, expected: str, said: Mapping[str, str], *, code: str) -> None:
    got = said.get(name.lower())
    if got != expected:
        shown = got if got is None else got[:80]
        raise UploadRefused(f"expected {name}: {expected}, as announced, got {shown!r}; send that header", code=code)
