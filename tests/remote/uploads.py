"""Direct uploads into such a server of objects, which checks what was signed by itself: nothing passes through us."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from lookalike.core.errors import UploadRefused
from lookalike.core.retrying import Retrying
from lookalike.objects.base import Leftover, LeftoverKind, id_of
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.receiving import already_uploaded
from lookalike.objects.signing import SignedUrls
from lookalike.objects.uploads import (
    QUARANTINE_KEPT_S,
    SWEPT_AFTER_S,
    StagedFacts,
    check_upload_id,
    is_unwanted,
    not_uploaded,
)
from tests.remote.object_server import Head, NoSuchKey, ObjectServer, PreconditionFailed
from tests.remote.objects import translating

T = TypeVar("T")

STAGED, QUARANTINE = "staged/", "quarantine/"


class RemoteUploads:
    """See `lookalike.objects.uploads.DirectUploads`; it cannot receive anything itself.

    Args:
        server: holds the bytes.
        retrying: how often a request is made.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        server: ObjectServer,
        *,
        retrying: Retrying | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.server = server
        self._retrying = retrying or Retrying(attempts=12, first_pause_s=0.001, longest_pause_s=0.01)
        self._clock = clock
        self._signed = SignedUrls(secrets.token_bytes(32), "https://objects.example/bucket", clock)

    def presign(
        self, upload_id: str, *, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str = ""
    ) -> PresignedPut:
        """Say how exactly these bytes can be brought to the server."""
        return self._signed.presign(
            upload_id,
            size_bytes=size_bytes,
            content_type=content_type,
            sha256=sha256,
            expires_at=expires_at,
            owner=owner,
        )

    def bring(self, put: PresignedPut, data: bytes) -> None:
        """What the server does with a client's request: length, type, time and hash are signed; `If-None-Match: *`."""
        parts = urlsplit(put.url)
        upload_id = parts.path.rpartition("/")[2]
        said = {**put.headers, "Content-Length": str(len(data))}
        announced = self._signed.check(upload_id, query=dict(parse_qsl(parts.query)), headers=said)
        if hashlib.sha256(data).hexdigest() != announced.sha256:
            raise UploadRefused("400 XAmzContentSHA256Mismatch", code="hash_mismatch")
        self.stage(upload_id, data)

    def stage(self, upload_id: str, data: bytes) -> None:
        """Put bytes there."""
        key = STAGED + check_upload_id(upload_id)
        try:
            self._ask(lambda: self.server.put(key, data, if_none_match=True))
        except PreconditionFailed:
            if self._read(key) != data:
                raise already_uploaded() from None

    def staged(self, upload_id: str) -> StagedFacts | None:
        """What came."""
        data = self._read(STAGED + check_upload_id(upload_id))
        return None if data is None else StagedFacts(len(data), id_of(data))

    def read(self, upload_id: str) -> bytes:
        """The bytes that came."""
        data = self._read(STAGED + check_upload_id(upload_id))
        if data is None:
            raise not_uploaded(upload_id)
        return data

    def discard(self, upload_id: str) -> None:
        """Let go of the bytes that came."""
        self._delete(STAGED + check_upload_id(upload_id))

    def quarantine(self, upload_id: str, data: bytes) -> None:
        """Keep these bytes apart."""
        self._ask(lambda: self.server.put(QUARANTINE + check_upload_id(upload_id), data))
        self.discard(upload_id)

    def quarantined(self, upload_id: str) -> bytes | None:
        """What is kept apart."""
        return self._read(QUARANTINE + check_upload_id(upload_id))

    def sweep(self, is_wanted: Callable[[str], bool | None], *, dry_run: bool = False) -> list[Leftover]:
        """Delete what came long ago and nobody waits for."""
        now = self._clock()
        unwanted = [
            (LeftoverKind.STAGED, key, head)
            for key, head in self._old(STAGED, SWEPT_AFTER_S, now=now)
            if is_unwanted(is_wanted(key.removeprefix(STAGED)), age_s=now - head.modified_at)
        ]
        unwanted += [(LeftoverKind.QUARANTINED, *one) for one in self._old(QUARANTINE, QUARANTINE_KEPT_S, now=now)]
        for _, key, _ in unwanted if not dry_run else []:
            self._delete(key)
        return [Leftover(kind, key.rpartition("/")[2], head.size_bytes) for kind, key, head in unwanted]

    def _old(self, prefix: str, kept_s: float, *, now: float) -> list[tuple[str, Head]]:
        found: list[tuple[str, Head]] = []
        after = ""
        while page := self._ask(partial(self.server.keys, prefix, after=after)):
            found += [(key, head) for key, head in page if now - head.modified_at > kept_s]
            after = page[-1][0]
        return found

    def _read(self, key: str) -> bytes | None:
        try:
            return self._ask(lambda: b"".join(self.server.get(key)))
        except NoSuchKey:
            return None

    def _delete(self, key: str) -> None:
        self._ask(lambda: self.server.delete([key]))

    def _ask(self, request: Callable[[], T]) -> T:
        def translated() -> T:
            with translating():
                return request()

        return self._retrying.run(translated)
