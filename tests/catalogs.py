"""What tests ask a whole catalog, where it is small."""

from __future__ import annotations

from lookalike.catalog.base import Reads


def known_ids(reads: Reads) -> set[str]:
    """The ids of all pictures, of one moment, where there were fewer than 10,000 ever."""
    return set(reads.ids(range(10_000)).values())
