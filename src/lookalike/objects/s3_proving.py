"""Whether a store refuses other bytes than a URL was signed for: tried, once for each bucket in a process.

Newer stores check `x-amz-checksum-sha256`, older ones `x-amz-content-sha256`, and some nothing; nor do they all say of
an object what they have checked of it. So bytes of another hash are sent to a URL that is signed for some of the same
length, and must be refused; then those, which must be taken. The URL is one as clients are given, and what a process
that dies leaves behind is swept as what clients leave behind.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from lookalike.objects.presigning import PresignedPut
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_unsigned import ask_unsigned
from lookalike.objects.uploads import DirectUploads

_HOLDS_S: Final = 300
_MOST: Final = 16
_RIGHT, _WRONG = b"these bytes", b"other bytes"


def refuses_others(bucket: S3Bucket, uploads: DirectUploads, *, now: float) -> bool:
    """Whether its store was seen to refuse other bytes than were signed; it is tried when this is first asked.

    Args:
        bucket: that uploads go to.
        uploads: that sign for them.
        now: Unix time in seconds, by which they do.
    Returns:
        False also where that could not be found out now; then it is tried again the next time.
    Raises:
        ServiceDown: when the store does not answer; likewise.
    """
    return _trial_of(bucket.endpoint, bucket.name).answer(bucket, uploads, now)


class _Trial:
    def __init__(self) -> None:
        self._trying = threading.Lock()
        self._answer: bool | None = None

    def answer(self, bucket: S3Bucket, uploads: DirectUploads, now: float) -> bool:
        if self._answer is None:
            with self._trying:
                if self._answer is None:
                    self._answer = _try(bucket, uploads, now)
        return bool(self._answer)


@lru_cache(_MOST)
def _trial_of(_endpoint: str, _name: str) -> _Trial:
    return _Trial()


def _try(bucket: S3Bucket, uploads: DirectUploads, now: float) -> bool | None:
    """None where a store that is not well said nothing of it."""
    upload_id = secrets.token_hex(16)
    put = uploads.presign(
        upload_id,
        size_bytes=len(_RIGHT),
        content_type="image/jpeg",
        sha256=hashlib.sha256(_RIGHT).hexdigest(),
        expires_at=now + _HOLDS_S,
    )
    try:
        statuses = [_send(bucket, put, _WRONG), _send(bucket, put, _RIGHT)]
    finally:
        uploads.discard(upload_id)
    if any(status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500 for status in statuses):
        return None
    wrong, right = statuses  # had it taken the wrong ones, it would refuse the right ones, for something is there
    return 400 <= wrong < 500 and right == HTTPStatus.OK


def _send(bucket: S3Bucket, put: PresignedPut, data: bytes) -> int:
    return ask_unsigned(bucket, put.method, put.url, headers=put.headers, data=data).status
