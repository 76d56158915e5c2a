"""Arrays that grow behind their ends, and the compact rows that candidates are compared with.

A row is kept as whole numbers of 16 bits, its largest component as 32767, beside 1 over its length. What is compared is
the direction of that row, which differs from the direction of the vector by some 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors

Scalar = TypeVar("Scalar", bound=np.generic)
Slots: TypeAlias = NDArray[np.int64]
"""shape (M,), int64: places in an index, from 0 on; one is never given twice."""

_PEAK = 32767
_LEAST_ROOM = 1024


class Quantised(NamedTuple):
    """Rows as they are kept.

    Attributes:
        rows: shape (N, D), int16.
        scales: shape (N,), float64: 1 over a row's length, 0 for a row of zeros.
        error: how far a direction lies from that of its vector, at most, as the length of the difference.
    """

    rows: NDArray[np.int16]
    scales: NDArray[np.float64]
    error: float


def quantise(units: Vectors) -> Quantised:
    """Round rows of length 1 or 0 to 16 bits, and measure what that does to them.

    Args:
        units: shape (N, D), float32.
    """
    peaks = np.abs(units).max(axis=1, keepdims=True, initial=0.0).astype(np.float64)
    rounded = np.rint(units * (_PEAK / np.where(peaks > 0, peaks, 1)))
    lengths = np.sqrt(np.einsum("nd,nd->n", rounded, rounded))
    scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    apart = rounded * scales[:, None] - units
    error = float(np.sqrt(np.einsum("nd,nd->n", apart, apart).max(initial=0.0)))
    return Quantised(rounded.astype(np.int16), scales, error)


class Column(Generic[Scalar]):
    """An array of values by slot: a part that never changes, which may be a memory map, and one that grows in memory.

    One thread may append while others read what was there before.

    Args:
        base: shape (N, ...), any dtype, the first values; taken over, not copied.
    """

    def __init__(self, base: NDArray[Scalar]) -> None:
        self._base = np.asarray(base)  # a plain view of a memory map: the map's own class costs microseconds a slice
        self._tail = np.empty((0, *base.shape[1:]), base.dtype)
        self._end = len(base)

    def __len__(self) -> int:
        return self._end

    def reserve(self, count: int) -> None:
        """Make room for `count` values in all; the pages are taken only when they are written."""
        wanted = count - len(self._base)
        if wanted > len(self._tail):
            grown = np.empty((wanted, *self._tail.shape[1:]), self._tail.dtype)
            used = self._end - len(self._base)
            grown[:used] = self._tail[:used]
            self._tail = grown

    def append(self, values: NDArray[Scalar]) -> None:
        """Put values behind the last. Amortised over many calls, a value is copied about once.

        Args:
            values: shape (n, ...), the same dtype.
        """
        end = self._end + len(values)
        room = len(self._base) + len(self._tail)
        if end > room:
            self.reserve(max(end, len(self._base) + max(_LEAST_ROOM, 2 * len(self._tail))))
        self._tail[self._end - len(self._base) : end - len(self._base)] = values
        self._end = end

    def take(self, slots: Slots) -> NDArray[Scalar]:
        """The values of some slots, a copy: shape (M, ...).

        Args:
            slots: shape (M,), int64.
        Returns:
            shape (M, ...), the same dtype, a copy.
        """
        base, tail = self._base, self._tail
        if not len(base):
            return tail.take(slots, axis=0)
        if not len(tail):
            return base.take(slots, axis=0)
        taken = base.take(slots, axis=0, mode="clip")  # those in the tail come out wrong, and are put right
        late = np.flatnonzero(slots >= len(base))
        taken[late] = tail[slots[late] - len(base)]
        return taken

    def parts(self, end: int) -> Iterator[tuple[int, NDArray[Scalar]]]:
        """Views of all values before `end`, in order, each with its first slot: shape (n, ...), the same dtype."""
        base = self._base[:end]
        if len(base):
            yield 0, base
        if end > len(base):
            yield len(base), self._tail[: end - len(base)]

    def blocks(self, end: int, size: int) -> Iterator[tuple[int, NDArray[Scalar]]]:
        """Views, each with its first slot, of at most `size` values before `end`: shape (n, ...), the same dtype."""
        for first, part in self.parts(end):
            for start in range(0, len(part), size):
                yield first + start, part[start : start + size]

    def save(self, path: Path, end: int) -> None:
        """Write the values of the slots before `end` as `.npy`, without copying them in memory."""
        with path.open("wb") as file:
            shape = (end, *self._base.shape[1:])
            header = {"descr": self._base.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for _, part in self.parts(end):
                np.ascontiguousarray(part).tofile(file)
