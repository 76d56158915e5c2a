"""Objects in an S3-compatible store: `<prefix>/objects/<id>`.

Bytes are hashed before anything goes up, so that whatever bears an id has been whole once; pieces wait for that in a
file of this machine, from which they can be sent again. What came for an upload is not sent: the store copies it.
Larger ones go up in parts, of which the store makes one object in the end: what a dead process left of those is swept.
The store hashes what comes, for the hash is signed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, cast

from lookalike.objects.base import Leftover, LeftoverKind, check_id, missing
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_errors import KeyMissing
from lookalike.objects.s3_requests import PART_BYTES, Found, S3Requests
from lookalike.objects.s3_stream import ProvenInBucket, StoredBytes, open_stream
from lookalike.objects.streams import Data, Hashed, ObjectStream, check_range, pieces_of

_FOLDER: Final = "objects"
_IN_MEMORY_BYTES = 1 << 20
_LOOKED_FOR_FIRST_BYTES = 1 << 18  # what is larger takes longer to send in vain than to ask for
_ID_LENGTH = 64


class S3Objects:
    """See `lookalike.objects.base.Objects`. Costs nothing until it is asked.

    Args:
        bucket: where they lie, below `objects/`.
    """

    def __init__(self, bucket: S3Bucket) -> None:
        self._requests = S3Requests(bucket)
        self._folder = bucket.key(_FOLDER)

    def put(self, data: Data, *, expected: str | None = None) -> str:
        """Keep bytes; see `Objects`."""
        if expected is not None:
            check_id(expected)
        if isinstance(data, ProvenInBucket) and self._adopt(data, expected):
            return data.sha256
        with _Waiting(data) as waiting:
            object_id = waiting.check(expected)
            if not self._send_new(object_id, waiting) and not self._renew(object_id, size_bytes=waiting.size_bytes):
                self._requests.put(self._key(object_id), waiting.content)  # it was cut short, or has just gone
        return object_id

    def put_if_absent(self, object_id: str, data: Data) -> bool:
        """Keep bytes where they are not there yet; see `Objects`."""
        size_bytes = len(data) if isinstance(data, bytes) else None
        if self._renew(check_id(object_id), size_bytes=size_bytes):
            return False
        with _Waiting(data) as waiting:
            waiting.check(object_id)
            if self._send_new(object_id, waiting, is_looked_for=True):
                return True
            if self._renew(object_id, size_bytes=waiting.size_bytes):  # somebody was faster, or our own first try
                return False
            self._requests.put(self._key(object_id), waiting.content)
        return True

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        with self.open(object_id) as stream:
            return b"".join(pieces_of(stream))

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream; see `Objects`. The whole is compared with its hash while it is read."""
        check_range(first, size_bytes)
        key = self._key(check_id(object_id))
        try:
            return open_stream(self._requests, key, sha256=object_id, first=first, size_bytes=size_bytes)
        except KeyMissing:
            raise missing(object_id) from None

    def has(self, object_id: str) -> bool:
        """Whether they are there; see `Objects`."""
        return self._requests.find(self._key(check_id(object_id))) is not None

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; see `Objects`."""
        self._requests.delete([self._key(check_id(one)) for one in object_ids])

    def ids(self, *, prefix: str = "", after: str = "") -> Iterator[str]:
        """The ids, sorted, a page at a time; see `Objects`."""
        begin = max(after, prefix[: _ID_LENGTH - 1])  # no id is that short: the first with the prefix comes after it
        for found in self._find_all(after=begin):
            if not found.name.startswith(prefix):
                if found.name > prefix:
                    return
                continue
            yield found.name

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time, by the store's clock; see `Objects`."""
        for found in self._find_all():
            if found.modified_at < before:
                yield Leftover(LeftoverKind.OBJECT, found.name, found.size_bytes)

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:
        """Delete parts that were sent before a time and never made one object; see `Objects`."""
        swept = []
        for half in [one for one in self._requests.list_half_sent(self._folder) if one.begun_at < before]:
            size_bytes = self._requests.size_of(half)
            if not dry_run:
                self._requests.forget(half)
            swept.append(Leftover(LeftoverKind.HALF_WRITTEN, half.key.rpartition("/")[2], size_bytes))
        return swept

    def _find_all(self, *, after: str = "") -> Iterator[Found]:
        """All but what somebody else has put there, under names that are no ids."""
        return (one for one in self._requests.keys(self._folder, after=after) if len(one.name) == _ID_LENGTH)

    def _send_new(self, object_id: str, waiting: _Waiting, *, is_looked_for: bool = False) -> bool:
        """Send bytes where nothing is; False where something is."""
        key = self._key(object_id)
        stored = waiting.content
        if isinstance(stored, StoredBytes) and stored.is_in(self._requests.bucket) and self._copy(stored, key):
            return True
        if waiting.size_bytes > PART_BYTES:  # parts cannot be made one on a condition everywhere
            if not is_looked_for and self._renew(object_id, size_bytes=waiting.size_bytes):
                return True
            self._requests.put(key, waiting.content)
            return True
        if waiting.size_bytes > _LOOKED_FOR_FIRST_BYTES and not is_looked_for and self._requests.find(key):
            return False
        return self._requests.put_new(key, waiting.whole())

    def _adopt(self, proven: ProvenInBucket, expected: str | None) -> bool:
        """Have the store copy what it has checked itself, whose place takes nothing else; False where it is read."""
        if expected not in (None, proven.sha256) or not proven.is_in(self._requests.bucket):
            return False
        return self._requests.copy_over(proven.key, self._key(proven.sha256))

    def _copy(self, stored: StoredBytes, key: str) -> bool:
        """Have the store copy what lies in it already; False where it does not any more."""
        tag = self._requests.copy(stored.key, key, tag=stored.tag)
        if tag is not None and tag != stored.tag:  # copied in parts; or another by now, and Ceph heeds no condition
            self._requests.put(key, stored)
        return tag is not None

    def _renew(self, object_id: str, *, size_bytes: int | None) -> bool:
        """Make what is there count as new; False where it is not there, or has another length."""
        key = self._key(object_id)
        found = self._requests.find(key)
        if found is None or (size_bytes is not None and found.size_bytes != size_bytes):
            return False
        return self._requests.copy(key, key) is not None

    def _key(self, object_id: str) -> str:
        return f"{self._folder}/{object_id}"


class _Waiting:
    """Bytes that wait to be sent: in memory where they were given so, else in a file. A context manager."""

    def __init__(self, data: Data) -> None:
        self._passing = Hashed(data)
        self._data = data if isinstance(data, bytes) else None
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed at the end

    def __enter__(self) -> _Waiting:
        try:
            for piece in self._passing:
                if self._data is None:
                    self._file.write(piece)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def size_bytes(self) -> int:
        return self._passing.size_bytes

    @property
    def content(self) -> bytes | BinaryIO:
        """All of it; a file is read from its beginning."""
        return cast(BinaryIO, self._file) if self._data is None else self._data

    def whole(self) -> bytes:
        """All of it, in memory."""
        if self._data is not None:
            return self._data
        self._file.seek(0)
        return self._file.read()

    def check(self, expected: str | None) -> str:
        return self._passing.check(expected)
