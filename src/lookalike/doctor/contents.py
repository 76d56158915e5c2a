"""What is held: the catalog, the bytes of pictures without a file, the files that the catalog knows."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto

from lookalike.catalog.base import Catalog
from lookalike.core.errors import CatalogDamaged, StorageFailed
from lookalike.core.paths import is_gone
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
    states: Counter[_State] = Counter()
    example = ""
    for file in patient.open_catalog().files():
        state = _state(file)
        states[state] += 1
        example = example or ("" if state is _State.AS_KNOWN else file.path)
    gone, changed, unseen = states[_State.GONE], states[_State.CHANGED], states[_State.UNSEEN]
    if not gone + changed + unseen:
        yield fine("files", f"{states.total()} known files, all there and as they were")
        return
    what = f"of {states.total()} known files {gone} are gone and {changed} have changed"
    advice = "run `lookalike index --prune` on their folders (if they lie on another disk, connect that first)"
    if unseen:
        what += f", and {unseen} cannot be looked at"
        advice = f"repair the permissions of their folders, or their disk{f'; then {advice}' if gone + changed else ''}"
    yield warning("files", f"{what}, for example {example}", advice)


def _without_bytes(opened: Catalog, objects: Objects) -> list[str]:
    lost = []
    for batch in opened.all_images(batch=_IDS_AT_ONCE):
        without = opened.files_of([image.id for _, image in batch])
        lost += [image_id for image_id, known in without.items() if not known and not objects.has(image_id)]
    return sorted(lost)


class _State(Enum):
    AS_KNOWN = auto()
    CHANGED = auto()
    GONE = auto()
    UNSEEN = auto()


def _state(file: FileRecord) -> _State:
    try:
        status = os.stat(file.path)
    except (OSError, ValueError):
        return _State.GONE if is_gone(file.path) else _State.UNSEEN
    if stat.S_ISDIR(status.st_mode):
        return _State.GONE
    is_as_known = (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
    return _State.AS_KNOWN if is_as_known else _State.CHANGED
