"""Vectors that may be near-identical, found by the sides of random hyperplanes on which they lie.

Two vectors at an angle of a lie on the same side of a random hyperplane with probability 1 - a / pi: Charikar,
"Similarity estimation techniques from rounding algorithms", STOC 2002. A code of 128 such sides stands in several
sorted tables, each beginning with other bits; those that agree in the first bits of one table are looked at, as in
Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors

Codes: TypeAlias = NDArray[np.uint64]
"""shape (N, 2), uint64: 128 bits, the weightiest first."""

Rows: TypeAlias = NDArray[np.intp]
"""shape (P,), intp: rows of codes, or slots of tables."""

BITS = 128
TABLES = 6

_MOST_FIRST_BITS = BITS // TABLES
_WINDOW = 8  # how many neighbours in a table are looked at, to either side
_SEED = 20020519
_STANDARD_ERRORS = 4


class Pairs(NamedTuple):
    """Pairs that may be near-identical, each once, ordered by `first` and then `second`.

    Attributes:
        first: shape (P,), intp.
        second: shape (P,), intp.
    """

    first: Rows
    second: Rows


class Sides(NamedTuple):
    """How codes are made and compared.

    Attributes:
        planes: shape (D, 128), float32: normals of the hyperplanes.
        first_bits: how many bits two codes must share at the beginning of a table. Near-identical vectors on the
            threshold do so in every second table, and are missed in all six with a probability of 2 %.
        most_differing: in how many of all bits two codes may differ, which hardly any on the threshold exceed.
    """

    planes: Vectors
    first_bits: int
    most_differing: int

    def codes(self, units: Vectors) -> Codes:
        """The codes of vectors.

        Args:
            units: shape (N, D), float32.
        Returns:
            shape (N, 2), uint64, a new array.
        """
        packed = np.packbits(units @ self.planes > 0, axis=1)
        return packed.view(">u8").astype(np.uint64)

    def among(self, codes: Codes) -> Pairs:
        """Pairs of rows of the same codes, `second` being the smaller row.

        Args:
            codes: shape (N, 2), uint64.
        """
        found = []
        for table in range(TABLES):
            beginnings = _beginnings(codes, table * self.first_bits)
            order = np.argsort(beginnings, kind="stable")
            run = (beginnings >> (32 - self.first_bits))[order]
            starts = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
            heads = np.repeat(order[starts], np.diff(np.r_[starts, len(run)]))  # a group's first is often a run's
            found.append(self.alike(codes, codes, order, heads))
            for step in range(1, min(_WINDOW, len(run) - 1) + 1):
                same = run[step:] == run[:-step]
                found.append(self.alike(codes, codes, order[step:][same], order[:-step][same]))
        one, other = (np.concatenate(rows) for rows in zip(*found, strict=True))
        first, second = np.maximum(one, other), np.minimum(one, other)
        return _once(first[first != second], second[first != second], len(codes))

    def alike(self, ours: Codes, theirs: Codes, first: Rows, second: Rows) -> tuple[Rows, Rows]:
        """Those of some pairs whose codes differ in few bits.

        Args:
            ours: shape (N, 2), uint64: codes of the first of the pairs.
            theirs: shape (M, 2), uint64: codes of the second.
            first: shape (P,), intp: rows of `ours`.
            second: shape (P,), intp: rows of `theirs`.
        Returns:
            two of shape (at most P,), intp: rows of `ours` and of `theirs`.
        """
        differing = np.bitwise_count(ours[first] ^ theirs[second]).sum(axis=1)
        near = differing <= self.most_differing
        return first[near], second[near]


def sides(dimension: int, *, threshold: float) -> Sides:
    """Random hyperplanes, always the same ones, for finding vectors whose cosine is at least a threshold.

    Args:
        dimension: D of the vectors.
        threshold: from 0.98 to 1; below that too many codes would have to be looked at.
    """
    differs = math.acos(threshold) / math.pi  # with what probability a bit does, on the threshold
    half = math.log(0.5) / math.log1p(-differs) if differs else _MOST_FIRST_BITS
    spread = math.sqrt(BITS * differs * (1 - differs))
    planes = np.random.default_rng(_SEED).standard_normal((dimension, BITS), dtype=np.float32)
    return Sides(planes, min(_MOST_FIRST_BITS, int(half)), math.ceil(BITS * differs + _STANDARD_ERRORS * spread))


class SideTables:
    """Codes in sorted tables: 65 bytes a code. Adding moves all that is stored. For one thread at a time.

    Slots are the numbers in which codes came in; a dropped one is not used again.
    """

    def __init__(self, how: Sides) -> None:
        self._how = how
        self._codes: Codes = np.empty((0, 2), np.uint64)
        self._alive = np.empty(0, bool)
        self._beginnings = [np.empty(0, np.uint32) for _ in range(TABLES)]  # ascending
        self._slots = [np.empty(0, np.int32) for _ in range(TABLES)]

    def __len__(self) -> int:
        """How many slots there are, dropped ones included."""
        return len(self._codes)

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which slots are not dropped: shape (N,), bool, a view, for reading."""
        return self._alive

    @property
    def codes(self) -> Codes:
        """The code of each slot: shape (N, 2), uint64, a view, for reading."""
        return self._codes

    def add(self, codes: Codes) -> None:
        """Add codes in the next slots.

        Args:
            codes: shape (N, 2), uint64.
        """
        slots = np.arange(len(self), len(self) + len(codes), dtype=np.int32)
        self._codes = np.concatenate([self._codes, codes])
        self._alive = np.concatenate([self._alive, np.ones(len(codes), bool)])
        for table in range(TABLES):
            beginnings = _beginnings(codes, table * self._how.first_bits)
            order = np.argsort(beginnings, kind="stable")
            stored = self._beginnings[table]
            places = np.searchsorted(stored, beginnings[order], side="right")
            self._beginnings[table] = np.insert(stored, places, beginnings[order])
            self._slots[table] = np.insert(self._slots[table], places, slots[order])

    def drop(self, slots: Rows) -> None:
        """Find these no more.

        Args:
            slots: shape (M,), intp.
        """
        self._alive[slots] = False

    def near(self, codes: Codes) -> Pairs:
        """Pairs of a row of codes and a slot that is alive.

        Args:
            codes: shape (N, 2), uint64.
        """
        found = [self._how.alike(codes, self._codes, *pair) for pair in self._beside(codes)]
        if not found:
            return Pairs(np.empty(0, np.intp), np.empty(0, np.intp))
        first, second = (np.concatenate(rows) for rows in zip(*found, strict=True))
        return _once(first, second, len(self))

    def _beside(self, codes: Codes) -> Iterator[tuple[Rows, Rows]]:
        """Rows and slots that begin alike in a table and stand near each other there."""
        for table, (stored, slots) in enumerate(zip(self._beginnings, self._slots, strict=True)):
            beginnings = _beginnings(codes, table * self._how.first_bits)
            places = np.searchsorted(stored, beginnings)
            for step in range(-_WINDOW, _WINDOW):
                rows = np.flatnonzero((places + step >= 0) & (places + step < len(stored)))
                there = places[rows] + step
                alike = (stored[there] ^ beginnings[rows]) >> (32 - self._how.first_bits) == 0
                rows, found = rows[alike], slots[there[alike]].astype(np.intp)
                yield rows[self._alive[found]], found[self._alive[found]]


def _beginnings(codes: Codes, start: int) -> NDArray[np.uint32]:
    """32 bits of each code, from a bit on, and from its beginning again where it ends."""
    one, other = codes[:, (start // 64) % 2], codes[:, (start // 64 + 1) % 2]
    shift = np.uint64(start % 64)
    turned = (one << shift) | (other >> (np.uint64(64) - shift)) if shift else one
    return (turned >> np.uint64(32)).astype(np.uint32)


def _once(first: Rows, second: Rows, width: int) -> Pairs:
    numbers = np.unique(first * max(1, width) + second)
    return Pairs(*np.divmod(numbers, max(1, width)))
