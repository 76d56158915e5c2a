"""What is compared: pictures whose files are as they were indexed, with their vectors."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.errors import ImageRefused
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.images.files import read_file
from lookalike.images.limits import ImageLimits
from lookalike.view.view import View


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Row n of `vectors`, `images[n]` and `files[n]` belong together; by path, then id.

    Attributes:
        images: N pictures.
        files: of each, those that pass and are as they were indexed; empty for a picture that lies in no file.
        vectors: shape (N, d), float32.
        passed_over: how many files are gone or have changed since they were indexed.
    """

    images: list[ImageRecord]
    files: list[list[FileRecord]]
    vectors: Vectors
    passed_over: int


def subject_of(catalog: Catalog, view: View, where: Filter) -> Subject:
    """All pictures that pass, without files that are gone, have changed, or are a second name of another (a link)."""
    keys, vectors = view.vectors_searched()
    chosen = np.isin(keys, catalog.select(where)) if where else np.ones(len(keys), bool)
    rows, ids = np.flatnonzero(chosen), catalog.ids(keys[chosen].tolist())
    id_of_row = {int(row): ids[int(keys[row])] for row in rows if int(keys[row]) in ids}
    images, files = catalog.images(list(id_of_row.values())), catalog.files_of(list(id_of_row.values()))
    whole: list[tuple[ImageRecord, list[FileRecord], int]] = []
    passed_over = 0
    for row, image_id in id_of_row.items():
        if image_id not in images or image_id not in files:
            continue
        image = images[image_id]
        known = [file for file in files[image_id] if not where.is_about_files or where.matches(image, file.path)]
        usable = _usable(known)
        passed_over += sum(place_of(file) is None for file in known)
        if usable or not files[image_id]:
            whole.append((image, usable, row))
    whole.sort(key=lambda one: (one[1][0].path if one[1] else "", one[0].id))
    order = [row for _, _, row in whole]
    return Subject(
        [image for image, _, _ in whole], [known for _, known, _ in whole], vectors[order], passed_over=passed_over
    )


def _usable(files: Sequence[FileRecord]) -> list[FileRecord]:
    """The files that are as they were indexed, and are not one file by two names; oldest first."""
    by_place: dict[tuple[int, int], FileRecord] = {}
    for file in sorted(files, key=lambda file: (os.path.islink(file.path), file.mtime_ns, file.path)):
        place = place_of(file)
        if place is not None:
            by_place.setdefault(place, file)
    return list(by_place.values())


def place_of(file: FileRecord) -> tuple[int, int] | None:
    """Device and number of a file that is as it was indexed, by its size and time; None for any other."""
    try:
        status = os.stat(file.path)
    except (OSError, ValueError):
        return None
    is_as_known = (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
    return (status.st_dev, status.st_ino) if is_as_known and stat.S_ISREG(status.st_mode) else None


def is_still_there(file: FileRecord, *, limits: ImageLimits) -> bool:
    """Whether a file holds at this moment, byte by byte, the picture that was indexed."""
    try:
        data = read_file(file.path, limits=limits).data
    except ImageRefused:
        return False
    return hashlib.sha256(data).hexdigest() == file.image_id
