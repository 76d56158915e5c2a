"""Objects in memory, packed: an engine whose promise is kept by another, so that this is only where it is written."""

from __future__ import annotations

from lookalike.objects.memory import MemoryObjects


class PackedObjects(MemoryObjects):
    """See `lookalike.objects.base.Objects`."""

    def __repr__(self) -> str:
        return "PackedObjects()"
