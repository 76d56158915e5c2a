"""Bytes of pictures that nothing refers to: left by a process that died between keeping them and its commit, or the
other way round between the commit that removed a picture and the deleting of its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from lookalike.catalog.base import Catalog
from lookalike.catalog.patience import patiently
from lookalike.objects.base import Leftover, Objects

KEPT_S = 86_400.0
"""So long bytes are left alone that nothing refers to, in seconds: they may be of a picture that is on its way."""

_AT_ONCE = 500


def orphaned_objects(catalog: Catalog, objects: Objects, *, before: float) -> Iterator[Leftover]:
    """Kept bytes that no picture of the catalog refers to.

    Args:
        catalog: the truth.
        objects: where the bytes are.
        before: Unix time in seconds: only what was last put before it.
    """
    old = objects.older(before)
    while some := list(islice(old, _AT_ONCE)):
        there = catalog.keys([one.name for one in some])
        yield from (one for one in some if one.name not in there)


def sweep_objects(catalog: Catalog, objects: Objects, *, before: float) -> list[Leftover]:
    """Delete what `orphaned_objects` finds, and bytes that were left half-written.

    Returns:
        what was deleted.
    Raises:
        Locked, ReadOnly, StorageFailed: when something cannot be deleted; the rest is left for the next time.
    """
    orphans = orphaned_objects(catalog, objects, before=before)
    swept: list[Leftover] = []
    while some := list(islice(orphans, _AT_ONCE)):
        swept += patiently(partial(_delete, catalog, objects, some))
    return [*swept, *objects.sweep(before)]


def _delete(catalog: Catalog, objects: Objects, some: list[Leftover]) -> list[Leftover]:
    with catalog.transaction():  # in which nobody adds one of them again and would lose its bytes
        there = catalog.keys([one.name for one in some])
        orphans = [one for one in some if one.name not in there]
        objects.delete([one.name for one in orphans])
    return orphans
