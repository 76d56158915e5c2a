"""Bytes of pictures that nothing refers to: left by a process that died between keeping them and its commit, or the
other way round between the commit that removed a picture and the deleting of its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from lookalike.catalog.base import Catalog
from lookalike.core.errors import CatalogDamaged
from lookalike.objects.base import Leftover, Objects
from lookalike.parts.kept_bytes import delete_unreferenced

KEPT_S = 86_400.0
"""So long bytes are left alone that nothing refers to, in seconds: they may be of a picture that is on its way."""

_AT_ONCE = 500


def find_orphaned_objects(catalog: Catalog, objects: Objects, *, before: float) -> Iterator[Leftover]:
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
    """Delete what `find_orphaned_objects` finds, and bytes that were left half-written.

    Args:
        catalog: the truth, which was checked for damage: what it does not know is deleted.
        objects: where the bytes are.
        before: as of `find_orphaned_objects`.
    Returns:
        what was deleted.
    Raises:
        Locked, ReadOnly, StorageFailed: when something cannot be deleted; the rest is left for the next time.
    """
    orphans = find_orphaned_objects(catalog, objects, before=before)
    swept: list[Leftover] = []
    while some := list(islice(orphans, _AT_ONCE)):
        swept += _delete(some, catalog, objects)
    return [*swept, *objects.sweep(before)]


def sweep_in_pieces(catalog: Catalog, objects: Objects, *, before: float) -> Iterator[list[Leftover]]:
    """The same bit by bit, for who has other things to do between: 500 of the bytes are looked at for each piece.

    The catalog is checked for damage before anything is deleted, where there is something to delete.

    Args:
        catalog: the truth.
        objects: where the bytes are.
        before: as of `find_orphaned_objects`.
    Returns:
        what was deleted, a list for each piece.
    Raises:
        CatalogDamaged: when the catalog does not tell what is referred to; nothing more is deleted then.
        Locked, ReadOnly, StorageFailed: as in `sweep_objects`.
    """
    yield objects.sweep(before)
    was_checked = False
    old = objects.older(before)
    while some := list(islice(old, _AT_ONCE)):
        there = catalog.keys([one.name for one in some])
        orphans = [one for one in some if one.name not in there]
        if orphans and not was_checked:
            check_undamaged(catalog)
            was_checked = True
        yield _delete(orphans, catalog, objects)


def check_undamaged(catalog: Catalog) -> None:
    """Look whether a catalog can be asked what is referred to; reads all of it.

    Raises:
        CatalogDamaged: when it cannot.
    """
    if damage := catalog.check():
        raise CatalogDamaged(
            f"nothing is swept, for the catalog is damaged: {damage[0]}; restore the collection from a backup first"
        )


def _delete(orphans: Sequence[Leftover], catalog: Catalog, objects: Objects) -> list[Leftover]:
    """Those that nothing refers to in the transaction in which they are marked."""
    if not orphans:
        return []
    deleted = set(delete_unreferenced(catalog, objects, [one.name for one in orphans]))
    return [one for one in orphans if one.name in deleted]
