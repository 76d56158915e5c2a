"""Duplicates: the same picture several times, byte by byte, pixel by pixel, or saved in another size or quality."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, ImageRefused
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.images.decode import decode
from lookalike.pipelines.duplicate_candidates import Candidates, candidates
from lookalike.pipelines.second_look import SIDE, SIDE_TO_DECODE, Signature, are_copies, signature
from lookalike.pipelines.view import View

THRESHOLD = 0.5
"""Low, for it only chooses what is looked at again: quarter-size copies of small photos come down to 0.5."""


class DuplicateKind(StrEnum):
    """In what way two files are the same, the strictest first."""

    BYTE = "byte-identical"
    PIXEL = "pixel-identical"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class DuplicateMember:
    """One file of a group, or a picture that lies in no file.

    Attributes:
        id: of the picture.
        path: of the file; None for a picture that was added as bytes.
        width: in pixels, upright.
        height: in pixels, upright.
        size_bytes: of the file.
        similarity: cosine to the first of the group, 1 for the same bytes.
        kind: in what way it is the same as the first; of the first itself `BYTE`.
    """

    id: str
    path: str | None
    width: int
    height: int
    size_bytes: int
    similarity: float
    kind: DuplicateKind


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same picture: each is a duplicate of the first, which is the best to keep.

    Attributes:
        kind: the loosest of its members' kinds.
        members: at least two: first the one with the most pixels, then the largest and oldest file, then by path.
    """

    kind: DuplicateKind
    members: tuple[DuplicateMember, ...]


def find_duplicates(
    catalog: Catalog,
    view: View,
    *,
    pictures: Callable[[str], bytes | None],
    threshold: float = THRESHOLD,
    where: Filter | None = None,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[DuplicateGroup]:
    """Find groups of duplicates; every picture is in one group at most. Deterministic.

    What is similar is decoded small, once, and looked at again (see `second_look` for what counts as near and how well
    that works); what then is the same and of the same size is decoded whole, to be compared pixel by pixel. Files that
    are gone or have changed since they were indexed are passed over, and so is the second name of one file (a link).
    Keeps 2 kB for each picture besides the vectors.

    Args:
        catalog: the truth.
        view: of it; what it searches is compared.
        pictures: the bytes of a picture by its id, None where they are not to be had; called from several threads.
        threshold: cosine, -1 to 1, that pictures must have to be looked at again; a higher one is faster, finds less.
        where: only pictures (and files) that pass; None: all.
        threads: how many read and decode at once.
        progress: told how many of how many pictures have been compared, on the calling thread.
    Raises:
        BadInput: when `threshold` is no cosine.
    """
    if not -1 <= threshold <= 1:
        raise BadInput(f"expected a threshold of -1 to 1, got {threshold}")
    where = where or Filter.everything()
    subject = _subject(catalog, view, where)
    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="duplicates") as pool:
        look = _SecondLook(subject, pictures, pool)
        for found in candidates(subject.vectors, threshold=threshold):
            look.at(found)
            if progress is not None:
                progress(found.rows_done, len(subject.images))
        return list(_groups(subject, look))


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """What is compared: row n of `vectors`, `images[n]` and `files[n]` belong together; best to keep first."""

    images: list[ImageRecord]
    files: list[list[FileRecord]]
    vectors: Vectors


def _subject(catalog: Catalog, view: View, where: Filter) -> _Subject:
    keys, vectors = view.vectors_searched()
    chosen = np.isin(keys, catalog.select(where)) if where else np.ones(len(keys), bool)
    rows, ids = np.flatnonzero(chosen), catalog.ids(keys[chosen].tolist())
    id_of_row = {int(row): ids[int(keys[row])] for row in rows if int(keys[row]) in ids}
    images, files = catalog.images(list(id_of_row.values())), catalog.files_of(list(id_of_row.values()))
    whole = [
        (images[image_id], _usable(images[image_id], files[image_id], where), row)
        for row, image_id in id_of_row.items()
        if image_id in images and image_id in files
    ]
    whole = [one for one in whole if one[1] or not files[one[0].id]]
    whole.sort(key=lambda one: _best_first(one[0], one[1]))
    order = [row for _, _, row in whole]
    return _Subject([image for image, _, _ in whole], [known for _, known, _ in whole], vectors[order])


def _usable(image: ImageRecord, files: Sequence[FileRecord], where: Filter) -> list[FileRecord]:
    """The files that pass, are as they were indexed, and are not one file by two names; oldest first."""
    by_place: dict[tuple[int, int], FileRecord] = {}
    for file in sorted(files, key=lambda file: (os.path.islink(file.path), file.mtime_ns, file.path)):
        place = _place(file)
        if place is not None and (not where.is_about_files or where.matches(image, file.path)):
            by_place.setdefault(place, file)
    return list(by_place.values())


def _place(file: FileRecord) -> tuple[int, int] | None:
    """Device and number of a file that is as it was indexed."""
    try:
        status = os.stat(file.path)
    except (OSError, ValueError):
        return None
    is_as_known = (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
    return (status.st_dev, status.st_ino) if is_as_known and stat.S_ISREG(status.st_mode) else None


def _best_first(image: ImageRecord, files: Sequence[FileRecord]) -> tuple[int, int, float, str, str]:
    oldest = files[0].mtime_ns if files else float("inf")
    return -image.width * image.height, -image.size_bytes, oldest, files[0].path if files else "", image.id


class _SecondLook:
    """Looks at pairs again and remembers which are the same, and how."""

    def __init__(self, subject: _Subject, pictures: Callable[[str], bytes | None], pool: Executor) -> None:
        self._subject = subject
        self._pictures = pictures
        self._pool = pool
        N = len(subject.images)
        self._signatures = np.zeros((N, SIDE * SIDE), np.float16)
        self._is_looked_at = np.zeros(N, bool)
        self._has_structure = np.zeros(N, bool)
        self._digests: dict[int, bytes | None] = {}
        self.same: dict[int, dict[int, tuple[DuplicateKind, float]]] = defaultdict(dict)

    def at(self, found: Candidates) -> None:
        """Look at the pairs of a block."""
        self._sign(np.union1d(found.first, found.second).tolist())
        first, second = found.first, found.second
        comparable = self._has_structure[first] & self._has_structure[second]
        is_near = np.zeros(len(first), bool)
        is_near[comparable] = are_copies(self._signatures[first[comparable]], self._signatures[second[comparable]])
        is_blank = ~self._has_structure[first] & ~self._has_structure[second]
        for n in np.flatnonzero(is_near | is_blank).tolist():
            self._settle(int(first[n]), int(second[n]), float(found.similarities[n]), is_near=bool(is_near[n]))

    def _settle(self, first: int, second: int, similarity: float, *, is_near: bool) -> None:
        if second in self.same[first]:
            return
        ours, theirs = self._subject.images[first], self._subject.images[second]
        has_same_size = (ours.width, ours.height) == (theirs.width, theirs.height)
        if has_same_size and self._digest(first) is not None and self._digest(first) == self._digest(second):
            self.same[first][second] = DuplicateKind.PIXEL, similarity
        elif is_near:
            self.same[first][second] = DuplicateKind.NEAR, similarity

    def _sign(self, rows: Iterable[int]) -> None:
        new = [row for row in rows if not self._is_looked_at[row]]
        for row, signed in zip(new, self._pool.map(self._signature, new), strict=True):
            self._is_looked_at[row] = True
            if signed is not None:
                self._signatures[row], self._has_structure[row] = signed, True

    def _signature(self, row: int) -> Signature | None:
        data = self._pictures(self._subject.images[row].id)
        try:
            return None if data is None else signature(decode(data, min_side=SIDE_TO_DECODE).pixels)
        except ImageRefused:
            return None

    def _digest(self, row: int) -> bytes | None:
        """SHA-256 of all pixels; None where they are not to be had."""
        if row not in self._digests:
            self._digests[row] = self._hashed(row)
        return self._digests[row]

    def _hashed(self, row: int) -> bytes | None:
        data = self._pictures(self._subject.images[row].id)
        try:
            return None if data is None else hashlib.sha256(decode(data, min_side=None).pixels.data).digest()
        except ImageRefused:
            return None


def _groups(subject: _Subject, look: _SecondLook) -> Iterator[DuplicateGroup]:
    """Groups around the best picture that is in none yet; no chains, for each member is compared with the first."""
    taken: set[int] = set()
    for first in range(len(subject.images)):
        if first in taken:
            continue
        others = {row: how for row, how in look.same.get(first, {}).items() if row not in taken}
        taken.update({first, *others})
        members = list(_members(subject, first, DuplicateKind.BYTE, 1.0))
        for row in sorted(others, key=lambda row: (list(DuplicateKind).index(others[row][0]), row)):
            members.extend(_members(subject, row, *others[row]))
        if len(members) > 1:
            loosest = max((member.kind for member in members), key=list(DuplicateKind).index)
            yield DuplicateGroup(loosest, tuple(members))


def _members(subject: _Subject, row: int, kind: DuplicateKind, similarity: float) -> Iterator[DuplicateMember]:
    image = subject.images[row]
    paths: list[str | None] = [file.path for file in subject.files[row]]
    for path in paths or [None]:
        yield DuplicateMember(image.id, path, image.width, image.height, image.size_bytes, min(1.0, similarity), kind)
