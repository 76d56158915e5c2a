"""Objects in memory: nothing outlives it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from lookalike.images.files import OpenFile
from lookalike.objects.base import Leftover, LeftoverKind, checked_id, id_of, missing, whole


class MemoryObjects:
    """See `lookalike.objects.base.Objects`.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._objects: dict[str, bytes] = {}
        self._put_at: dict[str, float] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes; see `Objects`."""
        object_id = id_of(data)
        self._objects[object_id] = bytes(data)
        self._put_at[object_id] = self._clock()
        return object_id

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        try:
            data = self._objects[checked_id(object_id)]
        except KeyError:
            raise missing(object_id) from None
        return whole(data, object_id)

    def open(self, object_id: str) -> OpenFile:
        """The same as an open file; see `Objects`."""
        data = self.get(object_id)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            return OpenFile(os.dup(file.fileno()))

    def has(self, object_id: str) -> bool:
        """Whether they are there; see `Objects`."""
        return checked_id(object_id) in self._objects

    def delete(self, object_ids: Sequence[str]) -> None:
        """Let go of bytes; see `Objects`."""
        for object_id in [checked_id(one) for one in object_ids]:
            self._objects.pop(object_id, None)

    def ids(self) -> Iterator[str]:
        """All ids, sorted; see `Objects`."""
        return iter(sorted(self._objects))

    def older(self, before: float) -> Iterator[Leftover]:
        """What was last put before a time; see `Objects`."""
        found = [(one, data) for one, data in list(self._objects.items()) if self._put_at[one] < before]
        return iter([Leftover(LeftoverKind.OBJECT, one, len(data)) for one, data in found])

    def sweep(self, before: float, *, dry_run: bool = False) -> list[Leftover]:  # noqa: ARG002 - the promise's
        """Nothing is ever left half-written here."""
        return []
