"""The requests that are made of an S3-compatible store: each translated (`s3_errors`), and made again where it may be.

Bytes go through obstore, whose own second tries are off. What it has no words for is asked with boto3: copying an
object onto itself, parts of what was never finished, and signed URLs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, TypeVar

from lookalike.core.errors import StorageFailed
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_clients import client_of, store_of
from lookalike.objects.s3_errors import BehindTheEnd, BucketMissing, KeyMissing, KeyTaken, translating

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")

PAGE: Final = 1_000
"""So many keys are listed, or deleted, at most in a request."""

PART_BYTES: Final = 8 << 20
"""What is larger is sent in parts of this size."""

_PARTS_AT_ONCE = 3


class Found(NamedTuple):
    """What lies under a key.

    Attributes:
        name: the key, without what was asked for before it.
        size_bytes: of it.
        modified_at: when it was put, in Unix time in seconds, by the store's clock.
    """

    name: str
    size_bytes: int
    modified_at: float


class Opened(NamedTuple):
    """What lies under a key, as it begins to be read.

    Attributes:
        size_bytes: of all of it.
        tag: of just these bytes, by the store's own reckoning.
        pieces: of it, which are no bytes objects of Python's own.
    """

    size_bytes: int
    tag: str
    pieces: Iterator[bytes]


class Beginning(NamedTuple):
    """How what lies under a key begins.

    Attributes:
        size_bytes: of all of it.
        tag: as of `Opened`.
        data: the first bytes.
    """

    size_bytes: int
    tag: str
    data: bytes


class HalfSent(NamedTuple):
    """Parts that were sent, and never made one object.

    Attributes:
        key: of the object that they were to become.
        upload_id: of the store.
        begun_at: Unix time in seconds, by the store's clock.
    """

    key: str
    upload_id: str
    begun_at: float


class S3Requests:
    """Asks one bucket. Safe to use from many threads; keys are whole ones.

    Args:
        bucket: that is asked.
    """

    def __init__(self, bucket: S3Bucket) -> None:
        self.bucket = bucket
        self._making = threading.Lock()
        self._made_store: S3Store | None = None
        self._made_client: Any = None

    def put_new(self, key: str, data: bytes) -> bool:
        """Store where nothing is.

        Returns:
            whether it was stored: not where something is, even where a first try of this one put it there.
        """
        try:
            self._ask(lambda: self.store.put(key, data, mode="create", use_multipart=False), is_writing=True)
        except KeyTaken:
            return False
        return True

    def put(self, key: str, data: bytes | BinaryIO) -> None:
        """Store, whatever is there; of a file no more than a few parts are in memory at once."""

        def send() -> None:
            if not isinstance(data, bytes):
                data.seek(0)
            self.store.put(key, data, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

        self._ask(send, is_writing=True)

    def find(self, key: str) -> Found | None:
        """What lies there; None for nothing.

        The first byte is asked for, and not the head alone: only an answer with a body tells a missing bucket from a
        missing object, and a wrong key from a right that is lacking.
        """
        try:
            meta = self._ask(lambda: self.store.get(key, options={"range": (0, 1)}).meta)
        except KeyMissing:
            return None
        except BehindTheEnd:
            return Found(key, 0, 0.0)
        return Found(key, meta["size"], meta["last_modified"].timestamp())

    def read(self, key: str, *, first: int = 0) -> Opened:
        """Begin to read, from a byte on; once.

        Raises:
            KeyMissing: when nothing lies there.
        """
        with translating(self.bucket):
            result = self.store.get(key, options={"range": {"offset": first}} if first else None)
            pieces = iter(result.stream(min_chunk_size=1 << 16))
            return Opened(result.meta["size"], (result.meta["e_tag"] or "").strip('"'), pieces)

    def read_beginning(self, key: str, *, most_bytes: int) -> Beginning:
        """Read the first bytes, by one request.

        Raises:
            KeyMissing: when nothing lies there.
            BehindTheEnd: when it is empty.
        """

        def read() -> Beginning:
            result = self.store.get(key, options={"range": (0, most_bytes)})
            return Beginning(result.meta["size"], (result.meta["e_tag"] or "").strip('"'), bytes(result.bytes()))

        return self._ask(read)

    def copy(self, source: str, target: str, *, tag: str = "") -> str | None:
        """Store what lies under one key under another, or anew under the same one; within the store.

        Args:
            source: a key.
            target: likewise.
            tag: what is copied must have it, as `read` told it, where the store looks; '' for whatever is there.
        Returns:
            the tag of what was copied; None where it was not there, or had another.
        """
        where = {
            "Bucket": self.bucket.name,
            "Key": target,
            "CopySource": {"Bucket": self.bucket.name, "Key": source},
            "MetadataDirective": "REPLACE",
            **({"CopySourceIfMatch": tag} if tag else {}),
        }
        try:
            copied = self._ask(lambda: self.client.copy_object(**where), is_writing=True)
        except (KeyMissing, KeyTaken):
            return None
        except BucketMissing:  # Swift says so, too, where the object has gone while it is copied
            self.find(source)
            return None
        return str(copied["CopyObjectResult"]["ETag"]).strip('"')

    def copy_over(self, source: str, target: str) -> bool:
        """Store what lies under one key under another, whatever lies there; it computes a tenth of what `copy` does.

        Returns:
            whether anything lay under the first.
        """
        try:
            self._ask(lambda: self.store.copy(source, target), is_writing=True)
        except KeyMissing:
            return False
        except BucketMissing:  # as in `copy`
            self.find(source)
            return False
        return True

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; unknown ones are passed over."""
        for start in range(0, len(keys), PAGE):
            page = list(keys[start : start + PAGE])
            self._ask(partial(self.store.delete, page), is_writing=True)

    def keys(self, folder: str, *, after: str = "") -> Iterator[Found]:
        """What lies in a folder, sorted, a page at a time.

        Args:
            folder: without a slash at its end.
            after: only names that come later in the order.
        Raises:
            StorageFailed: when the store lists in no order, as directory buckets of some do.
        """
        while page := self._ask(partial(self._page, folder, after)):
            for found in page:
                if found.name <= after:
                    raise StorageFailed(
                        f"expected {self.bucket.endpoint} to list keys in their order, got {found.name[:80]!r} after "
                        f"{after[:80]!r}; use a bucket of the general kind"
                    )
                after = found.name
                yield found

    def list_half_sent(self, folder: str) -> Iterator[HalfSent]:
        """Parts of objects of a folder that are still waiting to become one."""
        marker: dict[str, str] = {}
        while True:
            page = self._ask(
                partial(self.client.list_multipart_uploads, Bucket=self.bucket.name, Prefix=f"{folder}/", **marker)
            )
            for one in page.get("Uploads", ()):
                yield HalfSent(one["Key"], one["UploadId"], one["Initiated"].timestamp())
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def size_of(self, half: HalfSent) -> int:
        """How many bytes were sent of it; 0 where it is gone."""
        where = {"Bucket": self.bucket.name, "Key": half.key, "UploadId": half.upload_id}
        try:
            page = self._ask(lambda: self.client.list_parts(**where))
        except KeyMissing:
            return 0
        return sum(int(part["Size"]) for part in page.get("Parts", ()))

    def forget(self, half: HalfSent) -> None:
        """Delete those parts. Idempotent."""
        where = {"Bucket": self.bucket.name, "Key": half.key, "UploadId": half.upload_id}
        try:
            self._ask(lambda: self.client.abort_multipart_upload(**where), is_writing=True)
        except KeyMissing:
            return

    def sign_put(self, key: str, announced: Mapping[str, object], *, seconds: int) -> str:
        """A URL for one PUT, where nothing is yet, of exactly what is announced; no request is made.

        Args:
            key: that is written.
            announced: `ContentType`, `ContentLength` and `ChecksumSHA256`, as boto3 names them.
            seconds: for which it holds.
        """
        params = {"Bucket": self.bucket.name, "Key": key, "IfNoneMatch": "*", **announced}
        url: str = self.client.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)
        return url

    def ask_client(self, name: str, **said: object) -> Any:
        """Ask what has no words here, by boto3's name for it."""
        return self._ask(lambda: getattr(self.client, name)(**said))

    @property
    def store(self) -> S3Store:
        """What bytes go through.

        Raises:
            MissingExtra: when obstore is not installed.
        """
        if self._made_store is None:
            with self._making:
                self._made_store = self._made_store or store_of(self.bucket)
        return self._made_store

    @property
    def client(self) -> Any:
        """A client of boto3, which makes each request once.

        Raises:
            MissingExtra: when boto3 is not installed.
        """
        if self._made_client is None:
            with self._making:
                self._made_client = self._made_client or client_of(self.bucket)
        return self._made_client

    def again(self, call: Callable[[], T]) -> T:
        """Call, and call again where that may help."""
        return self.bucket.retrying.run(call)

    def _page(self, folder: str, after: str) -> list[Found]:
        stream = self.store.list(folder, offset=f"{folder}/{after}" if after else None, chunk_size=PAGE)
        for page in stream:
            return [
                Found(one["path"].removeprefix(f"{folder}/"), one["size"], one["last_modified"].timestamp())
                for one in page
                if one["path"].startswith(f"{folder}/")  # not the mark that consoles put down for the folder itself
            ]
        return []

    def _ask(self, request: Callable[[], T], *, is_writing: bool = False) -> T:
        def translate() -> T:
            with translating(self.bucket, is_writing=is_writing):
                return request()

        return self.again(translate)
