"""The promise of an object store kept with such a server, as an engine of S3 would keep it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from lookalike.core.errors import Overloaded, ServiceDown
from lookalike.core.retrying import Retrying
from lookalike.objects.base import Leftover, LeftoverKind, check_id, missing
from lookalike.objects.streams import Data, Hashed, ObjectStream, check_range, pieces_of
from tests.remote.object_server import (
    PAGE,
    ConnectionLost,
    Head,
    NoSuchKey,
    ObjectServer,
    PreconditionFailed,
    SlowDown,
    TimedOut,
)

T = TypeVar("T")

OBJECTS = "objects/"
_IN_MEMORY_BYTES = 1_000_000


class RemoteObjects:
    """See `lookalike.objects.base.Objects`.

    Args:
        server: holds the bytes.
        retrying: how often a request is made.
    """

    def __init__(self, server: ObjectServer, *, retrying: Retrying | None = None) -> None:
        self.server = server
        self._retrying = retrying or Retrying(attempts=12, first_pause_s=0.001, longest_pause_s=0.01)

    def put(self, data: Data, *, expected: str | None = None) -> str:
        """Keep bytes; pieces wait in a file until their id is known, and so that they can be sent again."""
        if expected is not None:
            check_id(expected)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
            passing = Hashed(data)
            for piece in passing:
                spool.write(piece)
            object_id = passing.check(expected)
            if not self._renew(object_id, size_bytes=passing.size_bytes):
                spool.seek(0)
                content = b"".join(pieces_of(spool))  # a client library would send the file
                self._ask(lambda: self.server.put(OBJECTS + object_id, content))
        return object_id

    def put_if_absent(self, object_id: str, data: Data) -> bool:
        """Keep bytes where they are not there yet."""
        size_bytes = len(data) if isinstance(data, bytes) else None
        if self._renew(check_id(object_id), size_bytes=size_bytes):
            return False
        passing = Hashed(data)
        content = b"".join(passing)
        passing.check(object_id)
        try:
            self._ask(lambda: self.server.put(OBJECTS + object_id, content, if_none_match=True))
        except PreconditionFailed:  # somebody was faster, or our own first request was; or what is there is cut short
            if self._renew(object_id, size_bytes=len(content)):
                return False
            self._ask(lambda: self.server.put(OBJECTS + object_id, content))
        return True

    def get(self, object_id: str) -> bytes:
        """The bytes."""
        with self.open(object_id) as stream:
            return b"".join(pieces_of(stream))

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream."""
        check_range(first, size_bytes)
        head = self._head(check_id(object_id))
        if head is None:
            raise missing(object_id)
        return _RemoteStream(self, object_id, head.size_bytes, first=first, size_bytes=size_bytes)

    def has(self, object_id: str) -> bool:
        """Whether they are there."""
        return self._head(check_id(object_id)) is not None

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes."""
        self._delete([OBJECTS + check_id(one) for one in object_ids])

    def ids(self, *, prefix: str = "", after: str = "") -> Iterator[str]:
        """The ids, sorted, a page at a time."""
        return (key.removeprefix(OBJECTS) for key, _ in self._keys(OBJECTS + prefix, after=OBJECTS + after))

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time."""
        for key, head in self._keys(OBJECTS):
            if head.modified_at < before:
                yield Leftover(LeftoverKind.OBJECT, key.removeprefix(OBJECTS), head.size_bytes)

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:
        """A put is whole or not at all there."""
        return []

    def body(self, object_id: str, *, first: int, size_bytes: int) -> Iterator[bytes]:
        """Begin to read a range; once."""
        try:
            with translating():
                return self.server.get(OBJECTS + object_id, first=first, size_bytes=size_bytes)
        except NoSuchKey:
            raise missing(object_id) from None

    def again(self, call: Callable[[], T]) -> T:
        """Try again what may be."""
        return self._retrying.run(call)

    def _renew(self, object_id: str, *, size_bytes: int | None) -> bool:
        head = self._head(object_id)
        if head is None or (size_bytes is not None and head.size_bytes != size_bytes):
            return False
        try:
            self._copy(OBJECTS + object_id, OBJECTS + object_id)
        except NoSuchKey:  # deleted a moment ago
            return False
        return True

    def _head(self, object_id: str) -> Head | None:
        try:
            return self._ask(lambda: self.server.head(OBJECTS + object_id))
        except NoSuchKey:
            return None

    def _copy(self, source: str, target: str) -> None:
        self._ask(lambda: self.server.copy(source, target))

    def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), PAGE):
            self._ask(partial(self.server.delete, keys[start : start + PAGE]))

    def _keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, Head]]:
        while page := self._ask(partial(self.server.keys, prefix, after=after)):
            yield from page
            after = page[-1][0]

    def _ask(self, request: Callable[[], T]) -> T:
        def translated() -> T:
            with translating():
                return request()

        return self._retrying.run(translated)


class _RemoteStream(ObjectStream):
    """Goes on from where the connection was lost."""

    def __init__(
        self, objects: RemoteObjects, object_id: str, total_bytes: int, *, first: int, size_bytes: int | None
    ) -> None:
        super().__init__(total_bytes, first=first, size_bytes=size_bytes, sha256=object_id)
        self._objects, self._object_id = objects, object_id
        self._body: Iterator[bytes] | None = None
        self._left_over = b""

    def _next(self, start: int, size_bytes: int) -> bytes:
        piece = self._left_over or self._objects.again(lambda: self._received(start))
        self._left_over = piece[size_bytes:]
        return piece[:size_bytes]

    def _received(self, start: int) -> bytes:
        if self._body is None:
            rest = self.first + self.size_bytes - start
            self._body = self._objects.body(self._object_id, first=start, size_bytes=rest)
        try:
            with translating():
                return next(self._body, b"")
        except ServiceDown:
            self._body = None
            raise


@contextmanager
def translating() -> Iterator[None]:
    """The server's errors as ours."""
    try:
        yield
    except SlowDown as error:
        raise Overloaded(f"the object store asks to come again: {error}", retry_after_s=error.retry_after_s) from error
    except (TimedOut, ConnectionLost) as error:
        raise ServiceDown(f"the object store does not answer: {error}") from error
