"""Comparing pairs of pictures: at a glance, then whole; what was read of each is remembered within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Executor

import numpy as np

from lookalike.core.errors import ImageRefused
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Pixels
from lookalike.images.copies.look import look
from lookalike.images.copies.scaling import Size, can_be_copies
from lookalike.images.decode import decode
from lookalike.images.limits import ImageLimits
from lookalike.images.whole.contents import Contents, contents_of, seen
from lookalike.pipelines.duplicates.candidates import Candidates
from lookalike.pipelines.duplicates.glance import SIDE, SIDE_TO_DECODE, Signature, are_copies, signature
from lookalike.pipelines.duplicates.result import DuplicateKind

_PIXEL_BYTES = 256_000_000
_MOST_FRAMES_BYTES = 400_000_000
_DURATION_MS = 20
"""By how much a frame's time may differ between near animations: formats round it differently."""

Same = dict[int, dict[int, tuple[DuplicateKind, float]]]
"""By row, then row: in what way both are the same, and how similar. Each pair stands both ways."""


class Comparing:
    """Looks at pairs and remembers which are the same, and how.

    Args:
        images: what is compared, by row.
        pictures: the bytes of a picture by its id, None where they are not to be had; called from several threads.
        pool: in which is read, decoded and compared.
        limits: what a picture may cost.
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
        self._seen: OrderedDict[int, list[Pixels]] = OrderedDict()
        self._seen_bytes = 0
        self._lock = threading.Lock()
        self._compared: set[tuple[int, int]] = set()
        self.same: Same = defaultdict(dict)

    def at(self, found: Candidates) -> None:
        """Compare the pairs of a block."""
        self._sign(np.union1d(found.first, found.second).tolist())
        first, second = found.first, found.second
        has_structure = self._has_structure[first] & self._has_structure[second]
        is_alike = ~self._has_structure[first] & ~self._has_structure[second]
        is_alike[has_structure] = are_copies(
            self._signatures[first[has_structure]], self._signatures[second[has_structure]]
        )
        pairs = {
            (int(first[n]), int(second[n])): (float(found.similarities[n]), bool(has_structure[n]))
            for n in np.flatnonzero(is_alike).tolist()
        }
        new = [pair for pair in sorted(pairs) if pair not in self._compared and self._has_fitting_sizes(*pair)]
        self._compared.update(new)
        kinds = self._pool.map(lambda pair: self._kind(*pair, may_be_near=pairs[pair][1]), new)
        for (one, other), kind in zip(new, kinds, strict=True):
            if kind is not None:
                self.same[one][other] = self.same[other][one] = kind, pairs[one, other][0]

    def contents(self, row: int) -> Contents | None:
        """What a picture holds; None where it cannot be read."""
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

    def _kind(self, first: int, second: int, *, may_be_near: bool) -> DuplicateKind | None:
        ours, theirs = self.contents(first), self.contents(second)
        if ours is None or theirs is None:
            return None
        if ours.digest == theirs.digest:
            return DuplicateKind.PIXEL
        is_near = may_be_near and _hold_as_many(ours, theirs) and self._look_alike(first, second)
        return DuplicateKind.NEAR if is_near else None

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
        with self._lock:
            if row in self._seen:
                self._seen.move_to_end(row)
                return self._seen[row]
        data = self._pictures(self._images[row].id)
        sides = [] if data is None else seen(data, limits=self._limits)
        with self._lock:
            if row not in self._seen:
                self._seen[row] = sides
                self._seen_bytes += sum(side.nbytes for side in sides)
            while self._seen_bytes > _PIXEL_BYTES and len(self._seen) > 1:
                self._seen_bytes -= sum(side.nbytes for side in self._seen.popitem(last=False)[1])
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
