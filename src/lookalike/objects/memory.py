"""Objects in memory: nothing outlives it."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lookalike.objects.base import Leftover, LeftoverKind, check_id, missing, whole
from lookalike.objects.streams import BytesStream, Data, Hashed, ObjectStream, check_range


class _Kept(NamedTuple):
    data: bytes
    put_at: float


class MemoryObjects:
    """See `lookalike.objects.base.Objects`.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._objects: dict[str, _Kept] = {}

    def put(self, data: Data, *, expected: str | None = None) -> str:
        """Keep bytes; see `Objects`."""
        if expected is not None:
            check_id(expected)
        passing = Hashed(data)
        content = b"".join(passing)
        object_id = passing.check(expected)
        with self._mutex:
            self._objects[object_id] = _Kept(content, self._clock())
        return object_id

    def put_if_absent(self, object_id: str, data: Data) -> bool:
        """Keep bytes where they are not there yet; see `Objects`."""
        with self._mutex:
            before = self._objects.get(check_id(object_id))
            if before is not None:
                self._objects[object_id] = _Kept(before.data, self._clock())
                return False
        self.put(data, expected=object_id)
        return True

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        try:
            data = self._objects[check_id(object_id)].data
        except KeyError:
            raise missing(object_id) from None
        return whole(data, object_id)

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream; see `Objects`."""
        check_range(first, size_bytes)
        return BytesStream(self.get(object_id), first=first, size_bytes=size_bytes)

    def has(self, object_id: str) -> bool:
        """Whether they are there; see `Objects`."""
        return check_id(object_id) in self._objects

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; see `Objects`."""
        for object_id in [check_id(one) for one in object_ids]:
            self._objects.pop(object_id, None)

    def ids(self, *, prefix: str = "", after: str = "") -> Iterator[str]:
        """The ids, sorted; see `Objects`."""
        ids = sorted(self._objects)
        return (one for one in ids[bisect_right(ids, after) :] if one.startswith(prefix))

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time; see `Objects`."""
        found = [(one, kept.data) for one, kept in list(self._objects.items()) if kept.put_at < before]
        return iter([Leftover(LeftoverKind.OBJECT, one, len(data)) for one, data in found])

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:  # noqa: ARG002 - the promise's
        """Nothing is ever left half-written here."""
        return []
