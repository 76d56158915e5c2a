"""Comparing pictures: at a glance each with its neighbours, then one whole with those that look like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from lookalike.core.errors import ImageRefused
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Pixels
from lookalike.duplicates.candidates import Candidates
from lookalike.duplicates.glance import SIDE, SIDE_TO_DECODE, Signature, compare, signature
from lookalike.duplicates.result import DuplicateKind
from lookalike.images.copies.look import holds_no_more, look
from lookalike.images.copies.scaling import Size, can_be_copies
from lookalike.images.decode import decode
from lookalike.images.limits import ImageLimits
from lookalike.images.whole.contents import Contents, contents_of, render_frames
from lookalike.storage.cache import BoundedCache

_PIXEL_BYTES = 256_000_000
_MOST_FRAMES_BYTES = 400_000_000
_AT_ONCE = 16
MOST_IN_VAIN = 128
"""After so many pictures one after the other that look like one and are not the same, no more are compared with it."""

_DURATION_MS = 20
"""By how much a frame's time may differ between near animations: formats round it differently."""

How = tuple[DuplicateKind, float]
"""In what way two pictures are the same, and the cosine of their vectors."""


class _Glance(NamedTuple):
    """What a glance at a pair found: it may be the same.

    Attributes:
        similarity: cosine.
        distance: between the signatures, 0 for pictures without structure.
        may_be_near: whether there is structure to compare.
    """

    similarity: float
    distance: float
    may_be_near: bool


class Comparing:
    """Looks at pairs at a glance and remembers which are alike, for one to be compared with those that are like it.

    Args:
        images: what is compared, by row.
        pictures: the bytes of a picture by its id, None where they are not to be had; called from several threads.
        pool: in which is read, decoded and compared.
        limits: what a picture may cost.

    Attributes:
        not_compared: rows that look like more others than they were compared with.
    """

    def __init__(
        self,
        images: list[ImageRecord],
        *,
        pictures: Callable[[str], bytes | None],
        pool: Executor,
        limits: ImageLimits,
    ) -> None:
        self._images = images
        self._pictures = pictures
        self._pool = pool
        self._limits = limits
        N = len(images)
        self._signatures = np.zeros((N, SIDE * SIDE), np.float16)
        self._is_looked_at = np.zeros(N, bool)
        self._has_structure = np.zeros(N, bool)
        self._contents: dict[int, Contents | None] = {}
        self._seen: BoundedCache[int, list[Pixels]] = BoundedCache(most_bytes=_PIXEL_BYTES, keeps_last=True)
        self.not_compared: set[int] = set()
        self._alike: dict[int, dict[int, _Glance]] = defaultdict(dict)

    def glance_at(self, found: Candidates) -> None:
        """Take in the pairs of a block, those that look alike at a glance and have fitting sizes."""
        self.not_compared.update(found.cut_off)
        self._sign(np.union1d(found.first, found.second).tolist())
        first, second = found.first, found.second
        has_structure = self._has_structure[first] & self._has_structure[second]
        is_alike = ~self._has_structure[first] & ~self._has_structure[second]
        distances = np.zeros(len(first), np.float32)
        seen = compare(self._signatures[first[has_structure]], self._signatures[second[has_structure]])
        is_alike[has_structure], distances[has_structure] = seen.are_copies, seen.distances
        for n in np.flatnonzero(is_alike).tolist():
            one, other = int(first[n]), int(second[n])
            if self._has_fitting_sizes(one, other):
                glance = _Glance(float(found.similarities[n]), float(distances[n]), bool(has_structure[n]))
                self._alike[one][other] = self._alike[other][one] = glance

    def alike(self, row: int) -> list[int]:
        """What looks like a picture at a glance, the most alike first."""
        near = self._alike.get(row, {})
        return sorted(near, key=lambda other: (near[other].distance, -near[other].similarity, other))

    def same_as(self, row: int, others: Sequence[int]) -> dict[int, How]:
        """Those of some that look like a picture which are the same as it, and how.

        Identical ones are always found. The rest is looked at in the order given, and no further after `MOST_IN_VAIN`
        one after the other are not the same: thousands of pages of one template do not take millions of looks.
        """
        kinds: dict[int, DuplicateKind | None] = {
            other: DuplicateKind.PIXEL for other in others if self._are_identical(row, other)
        }
        to_see, in_vain = [other for other in others if other not in kinds], 0
        while to_see and in_vain < MOST_IN_VAIN:
            some, to_see = to_see[:_AT_ONCE], to_see[_AT_ONCE:]
            for other, is_near in zip(some, self._pool.map(partial(self._are_near, row), some), strict=True):
                in_vain = 0 if is_near else in_vain + 1
                kinds[other] = DuplicateKind.NEAR if is_near else None
        if to_see:
            self.not_compared.add(row)
        return {
            other: (kind, self._alike[row][other].similarity)
            for other in others
            if (kind := kinds.get(other)) is not None
        }

    def is_enlarged(self, large: int, small: int) -> bool:
        """Whether of two near pictures, of one frame each, the larger is the smaller one enlarged."""
        contents = self.contents(large)
        try:
            ours, theirs = self._sides(large), self._sides(small)
        except ImageRefused:
            return False
        return (
            contents is not None
            and len(ours) == len(theirs) == 1
            and holds_no_more(ours[0], theirs[0], quality=contents.quality)
        )

    def contents(self, row: int) -> Contents | None:
        """What a picture holds; None where it cannot be read. May be called from several threads."""
        if row not in self._contents:
            data = self._pictures(self._images[row].id)
            try:
                self._contents[row] = None if data is None else contents_of(data, limits=self._limits)
            except ImageRefused:
                self._contents[row] = None
        return self._contents[row]

    def _has_fitting_sizes(self, first: int, second: int) -> bool:
        ours, theirs = self._images[first], self._images[second]
        return can_be_copies(Size(ours.width, ours.height), Size(theirs.width, theirs.height))

    def _are_identical(self, first: int, second: int) -> bool:
        ours, theirs = self.contents(first), self.contents(second)
        return ours is not None and theirs is not None and ours.digest == theirs.digest

    def _are_near(self, first: int, second: int) -> bool:
        ours, theirs = self.contents(first), self.contents(second)
        if ours is None or theirs is None or not self._alike[first][second].may_be_near:
            return False
        return _hold_as_many(ours, theirs) and self._look_alike(first, second)

    def _look_alike(self, first: int, second: int) -> bool:
        for row in (first, second):
            frames, image = self._contents[row], self._images[row]
            if frames is None or frames.frames * image.width * image.height * 3 > _MOST_FRAMES_BYTES:
                return False
        try:
            ours, theirs = self._sides(first), self._sides(second)
        except ImageRefused:
            return False
        return len(ours) == len(theirs) and all(
            look(one, other).is_copy for one, other in zip(ours, theirs, strict=True)
        )

    def _sides(self, row: int) -> list[Pixels]:
        """What is seen of a picture; the last ones are kept."""
        sides = self._seen.get(row)
        if sides is None:
            data = self._pictures(self._images[row].id)
            sides = [] if data is None else render_frames(data, limits=self._limits)
            self._seen.put(row, sides, size_bytes=sum(side.nbytes for side in sides))
        return sides

    def _sign(self, rows: Iterable[int]) -> None:
        new = [row for row in rows if not self._is_looked_at[row]]
        for row, signed in zip(new, self._pool.map(self._signature, new), strict=True):
            self._is_looked_at[row] = True
            if signed is not None:
                self._signatures[row], self._has_structure[row] = signed, True

    def _signature(self, row: int) -> Signature | None:
        data = self._pictures(self._images[row].id)
        try:
            if data is None:
                return None
            return signature(decode(data, min_side=SIDE_TO_DECODE, limits=self._limits).pixels)
        except ImageRefused:
            return None


def _hold_as_many(ours: Contents, theirs: Contents) -> bool:
    """Whether both have as many frames, shown as long, and both or none are transparent somewhere."""
    return (
        ours.frames == theirs.frames
        and ours.has_alpha == theirs.has_alpha
        and len(ours.durations_ms) == len(theirs.durations_ms)
        and all(abs(a - b) <= _DURATION_MS for a, b in zip(ours.durations_ms, theirs.durations_ms, strict=True))
    )
