"""What is held: the catalog, the bytes of pictures without a file, the files that the catalog knows."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lookalike.catalog.base import Catalog
from lookalike.core.errors import CatalogDamaged, StorageFailed
from lookalike.core.records import FileRecord
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.patient import Patient
from lookalike.objects.base import Objects
from lookalike.objects.streams import pieces_of

MOST_NAMED = 20

_IDS_AT_ONCE = 4_096


def how_to_save_a_catalog(patient: Patient) -> str:
    """What to do about a damaged catalog; it is never deleted, for only its owner knows what else holds its content."""
    where = patient.folder or "the collection"
    return (
        f"put back a copy of {where} from a backup; or move that folder aside and index your pictures again: they "
        "are read anew, and only metadata that you had added and pictures without a file are lost (`sqlite3 FILE "
        ".recover` can often read them out of the old one). Nothing is deleted by --repair"
    )


def catalog(patient: Patient) -> Iterator[Finding]:
    """Can it be opened, is it whole."""
    try:
        opened = patient.open_catalog()
        damage = opened.check()
    except CatalogDamaged as error:
        yield problem("catalog", str(error), how_to_save_a_catalog(patient))
        return
    for line in damage[:MOST_NAMED]:
        yield problem("catalog", line, how_to_save_a_catalog(patient))
    if not damage:
        facts = opened.facts()
        yield fine("catalog", f"whole: {facts.images} pictures, {facts.files} files, {facts.refused} refused files")


def objects(patient: Patient) -> Iterator[Finding]:
    """Are the bytes that were kept those that were given, and is none missing."""
    kept, damaged = 0, 0
    for object_id in patient.objects.ids():
        kept += 1
        try:
            with patient.objects.open(object_id) as stream:
                for _ in pieces_of(stream):
                    pass
        except StorageFailed as error:
            damaged += 1
            if damaged <= MOST_NAMED:
                yield problem("objects", str(error), "put it back from a backup, or add the picture again")
    missing = _without_bytes(patient.open_catalog(), patient.objects)
    if missing:
        what = f"{len(missing)} pictures lie in no file and their bytes are not kept, for example {missing[0]}"
        yield warning("objects", what, "they are found but cannot be shown: add or index them again, or remove them")
    if not damaged:
        yield fine("objects", f"{kept} pictures kept as bytes, all whole")


def files(patient: Patient) -> Iterator[Finding]:
    """Are the known files still there, as they were."""
    total, gone, changed = 0, 0, 0
    example = ""
    for file in patient.open_catalog().files():
        total += 1
        state = _state(file)
        gone += state == "gone"
        changed += state == "changed"
        example = example or (file.path if state else "")
    if gone or changed:
        what = f"of {total} known files {gone} are gone and {changed} have changed, for example {example}"
        advice = "run `lookalike index --prune` on their folders (if they lie on another disk, connect that first)"
        yield warning("files", what, advice)
    else:
        yield fine("files", f"{total} known files, all there and as they were")


def _without_bytes(opened: Catalog, objects: Objects) -> list[str]:
    lost = []
    for batch in opened.all_images(batch=_IDS_AT_ONCE):
        without = opened.files_of([image.id for _, image in batch])
        lost += [image_id for image_id, known in without.items() if not known and not objects.has(image_id)]
    return sorted(lost)


def _state(file: FileRecord) -> str:
    try:
        status = os.stat(file.path)
    except (OSError, ValueError):
        return "gone"
    is_as_known = (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
    return "" if is_as_known else "changed"
