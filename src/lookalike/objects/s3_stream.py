"""An object of an S3-compatible store as it is read: where the connection is lost, it goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.core.errors import ServiceDown, StorageFailed
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_errors import KeyMissing, translating
from lookalike.objects.s3_requests import Beginning, Opened, S3Requests
from lookalike.objects.streams import ObjectStream, pieces_of


class StoredBytes(bytes):
    """Bytes that were read from a bucket, and from where: who puts them into the same one has the store copy them.

    Attributes:
        place: endpoint and name of the bucket that they lie in.
        key: under which.
        tag: of just these bytes.
    """

    place: tuple[str, str]
    key: str
    tag: str

    def is_in(self, bucket: S3Bucket) -> bool:
        """Whether a bucket is the one that they lie in, under whatever prefix."""
        return self.place == _place(bucket)


@dataclass(frozen=True, slots=True, eq=False)
class ProvenInBucket:
    """See `lookalike.objects.uploads.ProvenBytes`; who puts them into the same bucket has the store copy them.

    Attributes:
        requests: of the bucket that they lie in.
        key: under which.
        sha256: that the store has checked.
        begun: how they begin.
    """

    requests: S3Requests
    key: str
    sha256: str
    begun: Beginning

    @property
    def beginning(self) -> bytes:
        """The first of them."""
        return self.begun.data

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        return self.begun.size_bytes

    def is_in(self, bucket: S3Bucket) -> bool:
        """As of `StoredBytes`."""
        return _place(self.requests.bucket) == _place(bucket)

    def __iter__(self) -> Iterator[bytes]:
        with open_stream(self.requests, self.key, sha256=self.sha256) as stream:
            yield from pieces_of(stream)


class S3Stream(ObjectStream):
    """See `ObjectStream`.

    Args:
        requests: of the bucket.
        key: that is read.
        total_bytes: of the object.
        opened: a request that was begun, from the first byte of the object on; None where none was.
        first: see `ObjectStream`.
        size_bytes: likewise.
        sha256: likewise.
    """

    def __init__(
        self,
        requests: S3Requests,
        key: str,
        total_bytes: int,
        opened: Opened | None,
        *,
        first: int,
        size_bytes: int | None,
        sha256: str | None,
    ) -> None:
        super().__init__(total_bytes, first=first, size_bytes=size_bytes, sha256=sha256)
        self._requests, self._key = requests, key
        self._body = opened.pieces if opened else None
        self._left_over = memoryview(b"")

    def close(self) -> None:
        """Let go of the connection; what was sent and not read is lost."""
        self._body = None
        self._left_over = memoryview(b"")

    def _next(self, start: int, size_bytes: int) -> bytes:
        if not self._left_over:
            self._left_over = memoryview(self._requests.again(lambda: self._receive(start)))
        piece = bytes(self._left_over[:size_bytes])
        self._left_over = self._left_over[size_bytes:]
        return piece

    def _receive(self, start: int) -> bytes:
        """What comes next, from a place in the object on."""
        if self._body is None:
            try:
                self._body = self._requests.read(self._key, first=start).pieces
            except KeyMissing:
                raise StorageFailed(
                    f"expected {self.total_bytes} bytes of {self._key}, got {start}: it was deleted meanwhile; "
                    "add the picture again where it is still wanted"
                ) from None
        try:
            with translating(self._requests.bucket):
                piece = next(self._body, None)
        except ServiceDown:
            self._body = None
            raise
        return b"" if piece is None else bytes(piece)


def read_stored(requests: S3Requests, key: str) -> StoredBytes:
    """All of what lies under a key.

    Raises:
        KeyMissing: when nothing lies there.
        ServiceDown, Overloaded, StorageFailed: when it cannot be read.
    """
    opened = requests.again(lambda: requests.read(key))
    with S3Stream(requests, key, opened.size_bytes, opened, first=0, size_bytes=None, sha256=None) as stream:
        stored = StoredBytes(b"".join(pieces_of(stream)))
    stored.place = _place(requests.bucket)
    stored.key, stored.tag = key, opened.tag
    return stored


def open_stream(
    requests: S3Requests, key: str, *, sha256: str | None = None, first: int = 0, size_bytes: int | None = None
) -> S3Stream:
    """Begin to read an object, or a range of it; of the whole by one request.

    Raises:
        KeyMissing: when nothing lies there.
        ServiceDown, Overloaded, StorageFailed: when it cannot be read.
    """
    if first == 0 and size_bytes is None:
        opened = requests.again(lambda: requests.read(key))
        return S3Stream(requests, key, opened.size_bytes, opened, first=0, size_bytes=None, sha256=sha256)
    found = requests.find(key)
    if found is None:
        raise KeyMissing
    return S3Stream(requests, key, found.size_bytes, None, first=first, size_bytes=size_bytes, sha256=sha256)


def _place(bucket: S3Bucket) -> tuple[str, str]:
    return bucket.endpoint, bucket.name
