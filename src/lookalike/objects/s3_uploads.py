"""Direct uploads into an S3-compatible store: clients bring bytes to the store itself, by a URL signed for them.

What comes waits under `<prefix>/staged/<upload id>`. The URL holds for one PUT of exactly what was announced: its
length, type and SHA-256 are signed, and `If-None-Match: *`, so that bytes that came are never replaced. The store
checks all of these; whether it checks the hash, too, is tried (`lookalike.objects.s3_proving`). Such URLs are dated in
whole seconds, so that one may end up to two seconds early.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lookalike.core.errors import BadInput
from lookalike.objects.base import Leftover, LeftoverKind
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.receiving import already_uploaded
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_errors import BehindTheEnd, KeyMissing
from lookalike.objects.s3_proving import refuses_others
from lookalike.objects.s3_requests import Found, S3Requests
from lookalike.objects.s3_stream import ProvenInBucket, open_stream, read_stored
from lookalike.objects.signing import check_signable
from lookalike.objects.streams import Hashed, pieces_of
from lookalike.objects.uploads import (
    QUARANTINE_KEPT_S,
    SWEPT_AFTER_S,
    StagedFacts,
    check_upload_id,
    is_unwanted,
    not_uploaded,
)

LONGEST_S: Final = 7 * 86_400
"""So long a URL can hold at most; SigV4 has no longer ones."""

_BEGINNING_BYTES: Final = 1 << 16
"""In which the header of a photo mostly lies, with its thumbnail."""

_STAGED: Final = "staged"
_QUARANTINE: Final = "quarantine"


class S3Uploads:
    """See `lookalike.objects.uploads.DirectUploads`; it cannot receive anything itself. Costs nothing until asked.

    Args:
        bucket: where they wait, below `staged/`.
        public_endpoint: the store as clients reach it, which URLs are signed for; '' where that is as we do.
        clock: Unix time in seconds, by which URLs are signed and what waits counts as old.
    """

    def __init__(self, bucket: S3Bucket, *, public_endpoint: str = "", clock: Callable[[], float] = time.time) -> None:
        self._requests = S3Requests(bucket)
        self._signing = S3Requests(replace(bucket, endpoint=public_endpoint)) if public_endpoint else self._requests
        self._staged, self._quarantine = bucket.key(_STAGED), bucket.key(_QUARANTINE)
        self._clock = clock

    def presign(
        self, upload_id: str, *, size_bytes: int, content_type: str, sha256: str, expires_at: float, owner: str = ""
    ) -> PresignedPut:
        """Say how exactly these bytes can be brought; see `DirectUploads`. No request is made.

        Raises:
            BadInput: also when the URL would hold for longer than seven days.
        """
        key = self._staged_key(upload_id)
        check_signable(
            size_bytes=size_bytes, content_type=content_type, sha256=sha256, expires_at=expires_at, owner=owner
        )
        seconds = int(expires_at - self._clock())
        if not 1 <= seconds <= LONGEST_S:
            raise BadInput(
                f"expected a URL that holds for 1 s to 7 days, got {seconds} s until it is to expire; say another time"
            )
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        announced = {"ContentType": content_type, "ContentLength": size_bytes, "ChecksumSHA256": checksum}
        url = self._signing.sign_put(key, announced, seconds=seconds)
        headers = {
            "Content-Type": content_type,
            "If-None-Match": "*",
            "x-amz-checksum-sha256": checksum,
            "x-amz-content-sha256": sha256,
        }
        return PresignedPut("PUT", url, headers, expires_at)

    def stage(self, upload_id: str, data: bytes) -> None:
        """Put bytes there on a client's behalf; see `DirectUploads`."""
        key = self._staged_key(upload_id)
        if not self._requests.put_new(key, data) and self._read(key) != data:
            raise already_uploaded()

    def staged(self, upload_id: str) -> StagedFacts | None:
        """What came, hashed while it is read, a piece at a time; see `DirectUploads`."""
        try:
            with open_stream(self._requests, self._staged_key(upload_id)) as stream:
                passing = Hashed(pieces_of(stream))
                for _ in passing:
                    pass
        except KeyMissing:
            return None
        return StagedFacts(passing.size_bytes, passing.check(None))

    def read(self, upload_id: str) -> bytes:
        """The bytes that came; see `DirectUploads`. Objects of the same bucket keep them without being sent them."""
        data = self._read(self._staged_key(upload_id))
        if data is None:
            raise not_uploaded(upload_id)
        return data

    def proven(self, upload_id: str, *, sha256: str) -> ProvenInBucket | None:
        """What came, where the store refuses what is not announced; see `Proving`. One request."""
        key = self._staged_key(upload_id)
        bucket = self._requests.bucket
        if not refuses_others(bucket, S3Uploads(bucket, clock=self._clock), now=self._clock()):
            return None
        try:
            begun = self._requests.read_beginning(key, most_bytes=_BEGINNING_BYTES)
        except KeyMissing:
            raise not_uploaded(upload_id) from None
        except BehindTheEnd:
            return None
        return ProvenInBucket(self._requests, key, sha256, begun)

    def discard(self, upload_id: str) -> None:
        """Let go of the bytes that came; see `DirectUploads`."""
        self._requests.delete([self._staged_key(upload_id)])

    def quarantine(self, upload_id: str, data: bytes) -> None:
        """Keep these bytes apart; see `DirectUploads`."""
        self._requests.put(self._quarantined_key(upload_id), data)
        self.discard(upload_id)

    def quarantined(self, upload_id: str) -> bytes | None:
        """What is kept apart; see `DirectUploads`."""
        return self._read(self._quarantined_key(upload_id))

    def sweep(self, is_wanted: Callable[[str], bool | None], *, dry_run: bool = False) -> list[Leftover]:
        """Delete what came long ago and nobody waits for; see `DirectUploads`. Nothing ever comes by half."""
        now = self._clock()
        unwanted = [
            Leftover(LeftoverKind.STAGED, found.name, found.size_bytes)
            for found in self._old(self._staged, SWEPT_AFTER_S, now=now)
            if is_unwanted(is_wanted(found.name), age_s=now - found.modified_at)
        ]
        unwanted += [
            Leftover(LeftoverKind.QUARANTINED, found.name, found.size_bytes)
            for found in self._old(self._quarantine, QUARANTINE_KEPT_S, now=now)
        ]
        if not dry_run:
            folders = {LeftoverKind.STAGED: self._staged, LeftoverKind.QUARANTINED: self._quarantine}
            self._requests.delete([f"{folders[one.kind]}/{one.name}" for one in unwanted])
        return unwanted

    def _old(self, folder: str, kept_s: float, *, now: float) -> list[Found]:
        return [found for found in self._requests.keys(folder) if now - found.modified_at > kept_s]

    def _read(self, key: str) -> bytes | None:
        try:
            return read_stored(self._requests, key)
        except KeyMissing:
            return None

    def _staged_key(self, upload_id: str) -> str:
        return f"{self._staged}/{check_upload_id(upload_id)}"

    def _quarantined_key(self, upload_id: str) -> str:
        return f"{self._quarantine}/{check_upload_id(upload_id)}"
