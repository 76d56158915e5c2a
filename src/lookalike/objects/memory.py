"""Objects in memory: nothing outlives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lookalike.objects.base import checked_id, id_of, missing, whole


class MemoryObjects:
    """See `lookalike.objects.base.Objects`."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes; see `Objects`."""
        object_id = id_of(data)
        self._objects[object_id] = bytes(data)
        return object_id

    def get(self, object_id: str) -> bytes:
        """The bytes; see `Objects`."""
        try:
            data = self._objects[checked_id(object_id)]
        except KeyError:
            raise missing(object_id) from None
        return whole(data, object_id)

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
