"""Groups of near-identical pictures, each around its first: so that an answer may show one of each.

A group is a star: every member is near-identical to its first. In a chain, where each would be near-identical to the
one before, the ends could be quite different pictures.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, DimensionMismatch, SnapshotDamaged
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, to_unit
from lookalike.index.hyperplanes import Codes, Pairs, SideTables, sides
from lookalike.index.near_identical import THRESHOLD

VectorsOf = Callable[[Keys], tuple[Keys, Vectors]]
"""Gives the vectors of keys, as they were given to `upsert`: those keys that are still there, in any order, and shape
(N, D), float32."""

_LEAST_THRESHOLD = 0.98
_ROWS_AT_ONCE = 32_768
_PAIRS_AT_ONCE = 65_536


class Groups:
    """Which pictures are near-identical. Deterministic for the same calls. Who reads does not wait for who writes.

    A picture joins the group of the nearest first that is found, else it is the first of its own. Pairs are found with
    random hyperplanes: of those just on the threshold 2 % are missed, of nearer ones fewer, of equal ones none. A group
    takes 65 bytes and 8 for its key, and about 150 for each member besides the first. Two million vectors of width 128
    take less than a minute.

    Args:
        dimension: D of the vectors.
        vectors_of: gives vectors again, to be compared.
        threshold: the least cosine of a member and the first of its group, up to rounding in float32; from 0.98 to 1.
    Raises:
        BadInput: when the threshold is out of its range.
    """

    def __init__(self, dimension: int, *, vectors_of: VectorsOf, threshold: float = THRESHOLD) -> None:
        if not _LEAST_THRESHOLD <= threshold <= 1:
            raise BadInput(
                f"expected a threshold from {_LEAST_THRESHOLD} to 1, got {threshold}; leave it out for the usual one"
            )
        self._vectors_of = vectors_of
        self._threshold = threshold
        self._changing = threading.Lock()
        self._reading = threading.Lock()
        self._sides = sides(dimension, threshold=threshold)
        self._tables = SideTables(self._sides)
        self._firsts = np.empty(0, np.int64)  # by slot
        self._largest = -1
        # Both only of groups of more than one.
        self._members: dict[int, list[int]] = {}  # the first, then the others, ascending
        self._first_of: dict[int, int] = {}  # of the others

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return len(self._sides.planes)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add pictures, or group those of known keys anew.

        Args:
            keys: shape (N,), int64, not negative; where one occurs twice the last counts.
            vectors: shape (N, D), float32, not necessarily unit length. A zero vector is like nothing.
        Raises:
            DimensionMismatch: when the width is another, or there are not N vectors.
            BadVectors: when a value is not finite.
            BadInput: when the keys are not whole numbers from 0 on. Nothing is changed then.
        """
        keys, rows = as_keys(keys), as_vectors(vectors, dimension=self.dimension)
        if len(keys) != len(rows):
            raise DimensionMismatch(
                f"expected one vector for each of {len(keys)} keys, got {len(rows)}; repeat it with as many of both"
            )
        if (keys < 0).any():
            raise BadInput(
                f"expected keys from 0 on, got {int(keys.min())}; number the rows: numpy.arange(len(vectors))"
            )
        ascending, from_the_end = np.unique(keys[::-1], return_index=True)
        last = len(keys) - 1 - from_the_end
        with self._changing:
            self._take_out(ascending)
            for start in range(0, len(ascending), _ROWS_AT_ONCE):
                self._add(ascending[start : start + _ROWS_AT_ONCE], to_unit(rows[last[start : start + _ROWS_AT_ONCE]]))

    def remove(self, keys: Keys) -> None:
        """Remove pictures; unknown keys are passed over. Where a first leaves, the next takes its place.

        Args:
            keys: shape (N,), int64, in any order.
        """
        with self._changing:
            self._take_out(np.unique(as_keys(keys)).astype(np.int64))

    def labels(self, keys: Keys) -> Keys:
        """The first of each one's group.

        Args:
            keys: shape (N,), int64.
        Returns:
            shape (N,), int64; the key itself where it is alone or unknown.
        """
        with self._reading:
            return np.array([self._first_of.get(key, key) for key in as_keys(keys).tolist()], np.int64)

    def members(self, label: int) -> Keys:
        """A group's keys, shape (M,), int64: its first, then the others ascending; the label where there is none."""
        with self._reading:
            return np.array(self._members.get(label, [label]), np.int64)

    def save(self, path: Path) -> None:
        """Write all of it into one file, `.npz`; who calls makes it durable."""
        with self._changing, path.open("wb") as file:
            alive = self._tables.alive
            np.savez(
                file,
                threshold=np.float64(self._threshold),
                planes=self._sides.planes,
                firsts=self._firsts[alive],
                codes=self._tables.codes[alive],
                keys=np.array(list(self._first_of.keys()), np.int64),
                firsts_of_keys=np.array(list(self._first_of.values()), np.int64),
            )

    @classmethod
    def load(cls, source: Path | BinaryIO, *, vectors_of: VectorsOf) -> Groups:
        """Groups as they were saved.

        Raises:
            SnapshotDamaged: when the file is not of the form that `save` writes.
        """
        try:
            with np.load(source, allow_pickle=False) as arrays:
                return cls._from_arrays(dict(arrays), vectors_of)
        except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, BadZipFile, BadInput) as error:
            raise SnapshotDamaged(f"groups cannot be read: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], vectors_of: VectorsOf) -> Groups:
        planes, firsts = arrays["planes"].astype(np.float32), arrays["firsts"].astype(np.int64)
        keys, firsts_of_keys = arrays["keys"].astype(np.int64), arrays["firsts_of_keys"].astype(np.int64)
        groups = cls(len(planes), vectors_of=vectors_of, threshold=float(arrays["threshold"].astype(np.float64)))
        if planes.shape != groups._sides.planes.shape or arrays["codes"].shape != (len(firsts), 2):
            raise SnapshotDamaged(f"planes {planes.shape} and codes {arrays['codes'].shape} do not fit")
        if keys.shape != firsts_of_keys.shape or not np.isin(firsts_of_keys, firsts).all():
            raise SnapshotDamaged("groups name members of groups that they do not name")
        groups._sides = groups._sides._replace(planes=planes)  # another numpy might draw others
        groups._tables = SideTables(groups._sides)
        groups._lead(firsts, arrays["codes"].astype(np.uint64))
        groups._largest = max(groups._largest, int(keys.max(initial=-1)))
        groups._join(zip(keys.tolist(), firsts_of_keys.tolist(), strict=True))
        return groups

    def _lead(self, keys: Keys, codes: Codes) -> None:
        """Let pictures be firsts."""
        self._tables.add(codes)
        self._firsts = np.concatenate([self._firsts, keys])
        self._largest = max(self._largest, int(keys.max(initial=-1)))

    def _join(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Let pictures, each with its first, join groups."""
        joining: dict[int, list[int]] = defaultdict(list)
        for key, first in pairs:
            joining[first].append(key)
        with self._reading:
            for first, some in joining.items():
                self._members[first] = [first, *sorted(self._members.get(first, [first])[1:] + some)]
                self._first_of.update(dict.fromkeys(some, first))

    def _take_out(self, keys: Keys) -> None:
        """Take pictures out of their groups; those whose first is gone are grouped anew around the next.

        Args:
            keys: ascending, each once.
        """
        if not len(keys) or keys[0] > self._largest:
            return
        gone = set(keys.tolist())
        slots = np.flatnonzero(self._tables.alive & np.isin(self._firsts, keys))
        self._tables.drop(slots)
        touched = {self._first_of.get(key, key) for key in gone} & self._members.keys()
        orphans: list[list[int]] = []
        with self._reading:
            for first in sorted(touched):
                members = self._members.pop(first)
                for key in members[1:]:
                    del self._first_of[key]
                rest = [key for key in members if key not in gone]
                if first in gone:
                    orphans.append(rest)
                elif len(rest) > 1:
                    self._members[first] = rest
                    self._first_of.update(dict.fromkeys(rest[1:], first))
        self._succeed(orphans)
        self._shrink()

    def _succeed(self, orphans: list[list[int]]) -> None:
        """Group pictures around the next of their group, and those that are too far from it anew."""
        keys, rows = self._read(np.array([key for rest in orphans for key in rest], np.int64))
        is_next, is_far = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
        joining: list[tuple[int, int]] = []
        for rest in orphans:
            at = np.flatnonzero(np.isin(keys, rest))
            if len(at):
                near = rows[at[1:]] @ rows[at[0]] >= self._threshold
                is_next[at[0]], is_far[at[1:]] = True, ~near
                joining += [(key, int(keys[at[0]])) for key in keys[at[1:][near]].tolist()]
        if len(keys):
            self._lead(keys[is_next], self._sides.codes(rows[is_next]))
            self._join(joining)
            self._add(keys[is_far], rows[is_far])

    def _read(self, keys: Keys) -> tuple[Keys, Vectors]:
        """Keys that are still there, ascending, and their vectors of length 1."""
        if not len(keys):
            return keys, np.empty((0, self.dimension), np.float32)
        there, rows = self._vectors_of(keys)
        order = np.argsort(there)
        return as_keys(there)[order], to_unit(as_vectors(rows, dimension=self.dimension)[order])

    def _shrink(self) -> None:
        """Make the tables anew once most of what they hold is dropped."""
        alive = self._tables.alive
        if 2 * np.count_nonzero(alive) < len(alive):
            firsts, codes = self._firsts[alive], self._tables.codes[alive]
            self._tables, self._firsts = SideTables(self._sides), np.empty(0, np.int64)
            self._lead(firsts, codes)

    def _add(self, keys: Keys, units: Vectors) -> None:
        """Group new pictures, in the order of their keys.

        Args:
            keys: ascending, each once, none of them known.
            units: rows of length 1 or 0.
        """
        self._largest = max(self._largest, int(keys.max(initial=-1)))
        keys, units = keys[units.any(axis=1)], units[units.any(axis=1)]
        if not len(keys):
            return
        codes = self._sides.codes(units)
        to_firsts = self._tables.near(codes)
        slots = np.unique(to_firsts.second)
        first_keys, first_rows = self._read(self._firsts[slots])
        all_keys, all_rows = np.concatenate([keys, first_keys]), np.concatenate([units, first_rows])
        order = np.argsort(self._firsts[slots])
        known = np.isin(self._firsts[slots][order], first_keys)
        place = np.full(len(slots), -1)  # in `all_rows`; -1 where the vector is gone
        place[order[known]] = len(keys) + np.arange(len(first_keys))
        seconds = place[np.searchsorted(slots, to_firsts.second)]
        among = self._sides.among(codes)
        first = np.concatenate([to_firsts.first[seconds >= 0], among.first])
        second = np.concatenate([seconds[seconds >= 0], among.second])
        stars = _stars(self._verify(Pairs(first, second), all_rows), all_keys, all_rows, self._threshold)
        alone = np.ones(len(keys), bool)
        alone[list(stars)] = False
        self._lead(keys[alone], codes[alone])
        self._join((int(keys[row]), int(all_keys[centre])) for row, centre in stars.items())

    def _verify(self, pairs: Pairs, rows: Vectors) -> Pairs:
        """Those that are near-identical indeed."""
        near = np.empty(len(pairs.first), bool)
        for start in range(0, len(near), _PAIRS_AT_ONCE):
            some = slice(start, start + _PAIRS_AT_ONCE)
            near[some] = np.einsum("pd,pd->p", rows[pairs.first[some]], rows[pairs.second[some]]) >= self._threshold
        return Pairs(pairs.first[near], pairs.second[near])


def _stars(pairs: Pairs, keys: Keys, rows: Vectors, threshold: float) -> dict[int, int]:
    """The centre of each row that has one: in ascending order, the nearest centre among its partners and their centres.

    Args:
        pairs: near-identical rows; the first of a pair is new, and the second a new one with a smaller number, or an
            old first.
        keys: shape (N,), of all rows.
        rows: shape (N, D), of length 1.
        threshold: the least cosine of a row and its centre.
    """
    centre_of: dict[int, int] = {}
    partners: dict[int, list[int]] = defaultdict(list)
    for row, other in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        partners[row].append(other)
    for row in sorted(partners):
        centres = sorted({centre_of.get(other, other) for other in partners[row]}, key=lambda n: int(keys[n]))
        near = np.einsum("cd,d->c", rows[centres], rows[row])
        best = int(near.argmax())
        if near[best] >= threshold:
            centre_of[row] = centres[best]
    return centre_of
