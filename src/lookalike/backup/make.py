"""Make a backup of collections, and of the service around them, while they are being used.

What it holds is what a machine would find that lost its power in the meantime: all that was acknowledged before the
backup began, and some of what came while it was made. The order, and why:

1. The ledger with its jobs. What it tells of as not done yet is done again.
2. Of each collection the uploads that wait. One that is gone by now has gone into the catalog, which comes later.
3. Its objects. They never change, for their names are their hashes, and are there before the catalog tells of them.
4. Its catalog. While that is copied nothing is committed to it; so the objects of pictures that came since 3 are still
   there, and are copied before commits go on. Bytes of a removed picture are deleted after the removal is committed, so
   the catalog that was copied tells of none that are gone.
5. What the catalog tells of and never changes (files of models), and what was taken out of it (quarantine).
6. Objects of pictures that the copied catalog does not hold are let go of: they were removed in the meantime.

Snapshots of indexes are left out: they are made anew from the catalog.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lookalike.backup.arriving import arriving
from lookalike.backup.place import CollectionPlace, Place
from lookalike.backup.sums import Backup, seal, sha256_of
from lookalike.core.errors import CatalogDamaged, NoCollection, NotIndexed, StorageFailed
from lookalike.objects.base import Objects
from lookalike.objects.streams import DAMAGED, ObjectStream, pieces_of
from lookalike.storage.private import FILE, make_private
from lookalike.storage.sqlite.copying import copy_database, unchanging
from lookalike.storage.sqlite.errors import translating

Progress = Callable[[int, int], None]
"""Told how many of how many objects of a collection are copied."""

_HALF_WRITTEN = (".part",)
_NAMED_BY_SHA256 = re.compile(r"[0-9a-f]{64}\.onnx")


def make_backup(
    place: Place, folder: str | os.PathLike[str], *, version: str, progress: Progress | None = None
) -> Backup:
    """Copy everything into a new folder, which appears when it is whole and has been read back.

    What is damaged already is told, and the rest is copied all the same.

    Args:
        place: what is copied.
        folder: that is not there yet, or empty.
        version: of Lookalike, to be noted.
        progress: called after each object.
    Returns:
        what the backup tells of itself.
    Raises:
        WouldOverwrite: when something is at `folder`.
        Locked: when others write for longer than half a minute without a pause.
        StorageFailed: when something cannot be read or written; nothing is left then.
    """
    damaged: list[str] = []
    collections: dict[str, int] = {}
    with arriving(folder) as part:
        _copy_databases(place.databases, part)
        for name, path in place.files.items():
            _copy_file(path, part / name)
        for one in place.collections:
            copied = _copy_collection(one, part / one.name, place, damaged=damaged, progress=progress)
            if copied is not None:
                collections[one.name] = copied
        return seal(part, version=version, collections=collections, damaged=damaged)


def _copy_databases(databases: Mapping[str, Path], part: Path) -> None:
    if not databases:
        return
    folder = next(iter(databases.values())).parent
    with translating(folder), unchanging(*databases.values()) as connections:
        for connection, name in zip(connections, databases, strict=True):
            copy_database(connection, part / name)


def _copy_collection(
    source: CollectionPlace, target: Path, place: Place, *, damaged: list[str], progress: Progress | None
) -> int | None:
    """How many pictures were copied; None where the collection has been removed, or its catalog cannot be read."""
    make_private(target)
    try:
        source.check_not_lost()
        return _copy(source, target, place, damaged=damaged, progress=progress)
    except CatalogDamaged as error:
        damaged.append(f"{source.name}: left out: {error}")
    except (NoCollection, StorageFailed):
        if source.catalog.exists():
            raise
    shutil.rmtree(target)
    return None


def _copy(source: CollectionPlace, target: Path, place: Place, *, damaged: list[str], progress: Progress | None) -> int:
    damaged += _name_all(source, _copy_folders(source.waiting, target))
    objects = place.open_objects(target / source.objects_name)
    for told in (progress, None):  # a second time, so that little is left to be copied while commits wait
        cursor = source.catalog.cursor()
        unreadable = _copy_objects(source.objects, objects, source.objects.ids(), progress=told)
    with source.catalog.copied(target / source.catalog_name) as copy:
        late = _copy_objects(source.objects, objects, copy.ids_changed_after(cursor), progress=None)
    damaged += _name_all(source, [*unreadable, *(line for line in late if line not in unreadable)])
    damaged += _name_all(source, _copy_folders(source.beside, target))
    found = copy.damage()
    damaged += _name_all(source, found)
    if not found:
        objects.delete(copy.without(objects.ids()))
    return copy.images()


def _name_all(source: CollectionPlace, lines: Iterable[str]) -> list[str]:
    return [f"{source.name}: {line}" for line in lines]


def _copy_objects(source: Objects, target: Objects, ids: Iterable[str], *, progress: Progress | None) -> list[str]:
    """Copy what is not there yet; returns what is damaged, one line each."""
    damaged: list[str] = []
    wanted = list(ids)
    for n, object_id in enumerate(wanted, start=1):
        if not target.has(object_id):
            try:
                stream = source.open(object_id)
            except NotIndexed:  # removed in the meantime, or its picture lies in a file
                continue
            except StorageFailed as error:
                damaged.append(str(error))
                continue
            with stream:
                damaged += _copy_object(stream, target, object_id)
        if progress is not None:
            progress(n, len(wanted))
    return damaged


def _copy_object(stream: ObjectStream, target: Objects, object_id: str) -> list[str]:
    """Copy one, a piece at a time; returns that it is damaged, if its store tells that only while it is read."""
    try:
        target.put(pieces_of(stream), expected=object_id)
    except StorageFailed as error:
        if error.code != DAMAGED:
            raise
        return [str(error)]
    return []


def _copy_folders(folders: Mapping[str, Path], target: Path) -> list[str]:
    """Returns which files bear the name of other bytes than they hold, one line each; they are copied all the same."""
    damaged = []
    for name, folder in folders.items():
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.is_file() and not path.name.startswith(".") and path.suffix not in _HALF_WRITTEN:
                    copy = target / name / path.name
                    _copy_file(path, copy)
                    if _NAMED_BY_SHA256.fullmatch(path.name) and copy.exists() and sha256_of(copy) != path.stem:
                        damaged.append(f"{path}: its bytes are not those that its name tells of")
    return damaged


def _copy_file(path: Path, target: Path) -> None:
    """Copy a file that is replaced or deleted, never changed; nothing where it is gone."""
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return
    make_private(target.parent)
    with source, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb") as copy:
        shutil.copyfileobj(source, copy)
