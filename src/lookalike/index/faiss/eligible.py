"""Which slots may be answered: those that are there, and pass the filter."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys, as_keys
from lookalike.index.faiss.columns import Slots
from lookalike.index.faiss.key_table import KeyTable

Bits = NDArray[np.uint8]
"""shape (B,), uint8: a bit for each slot, the lowest of a byte first."""

_FEW = 64
_REMEMBERED = 8


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """What a search sees. Replaced as a whole by every change.

    Attributes:
        end: how many slots there are.
        alive: shape (B,), uint8: a bit for each: 0 where the vector was removed or replaced.
        count: of the bits that are 1.
    """

    end: int
    alive: Bits
    count: int

    def with_new(self, added: int, dead: Slots) -> Present:
        """One with slots added behind the end, and without some that there are.

        Args:
            added: how many slots are new.
            dead: shape (M,), int64: the slots that are none any more.
        """
        end = self.end + added
        alive = np.zeros((end + 7) // 8, np.uint8)
        alive[: len(self.alive)] = self.alive
        if added:
            first_whole = -(-self.end // 8)
            alive[first_whole:] = 255
            np.bitwise_or.at(alive, *_bits_of(np.arange(self.end, min(end, first_whole * 8))))
            if end % 8:
                alive[-1] &= (1 << end % 8) - 1
        places, bits = _bits_of(dead)
        np.bitwise_and.at(alive, places, ~bits)
        return Present(end, alive, self.count + added - len(dead))

    def holds(self, slots: Slots) -> NDArray[np.bool_]:
        """Whether there is a vector in each of some slots, which may lie behind the end.

        Args:
            slots: shape (M,), int64.
        Returns:
            shape (M,), bool.
        """
        within = slots < self.end
        places, bits = _bits_of(np.where(within, slots, 0))
        return within & (self.alive.take(places, mode="clip") & bits > 0) if self.end else within


@dataclass(frozen=True, eq=False)
class Eligible:
    """The slots that may be answered.

    Attributes:
        bits: shape (B,), uint8: a bit for each slot.
        count: of the bits that are 1.
        end: how many slots there are.
        present: how many vectors there are, whether they may be answered or not.
        few: shape (count,), int64, ascending: the slots themselves, where they are known already.
    """

    bits: Bits
    count: int
    end: int
    present: int
    few: Slots | None = None

    @property
    def everything(self) -> bool:
        """Whether all that are there may be answered."""
        return self.count == self.present

    @cached_property
    def slots(self) -> Slots:
        """Shape (count,), int64, in ascending order."""
        return np.flatnonzero(self.flags) if self.few is None else self.few

    @property
    def flags(self) -> NDArray[np.bool_]:
        """Whether each slot may be answered: shape (end,), bool."""
        return np.unpackbits(self.bits, count=self.end, bitorder="little").view(bool)

    def holds(self, slots: Slots) -> NDArray[np.bool_]:
        """Whether each of some slots may be answered; they may be -1 or behind the end.

        Args:
            slots: shape (...), int64.
        Returns:
            the same shape (...), bool.
        """
        return (slots >= 0) & Present(self.end, self.bits, self.count).holds(np.maximum(slots, 0))


@dataclass(slots=True)
class Filters:
    """Finds the slots of allowed keys, and remembers those of the last few filters until the index changes.

    Only an array that cannot be written is remembered, for another may have changed since.
    """

    _known: dict[int, tuple[weakref.ref[Keys], Present, Eligible]] = field(default_factory=dict)

    def eligible(self, allowed: Keys | None, table: KeyTable, present: Present) -> Eligible:
        """The slots of the allowed keys that are there; of all that are there, without a filter.

        Args:
            allowed: shape (A,), int64; None without a filter.
            table: of keys and their slots.
            present: which slots there are.
        """
        if allowed is None:
            return Eligible(present.alive, present.count, present.end, present.count)
        kept = self._known.get(id(allowed))
        if kept is not None and kept[0]() is allowed and kept[1] is present:
            return kept[2]
        eligible = _eligible(as_keys(allowed), table, present)
        if _constant(allowed):
            for old in list(self._known)[: 1 - _REMEMBERED]:
                self._known.pop(old, None)
            self._known[id(allowed)] = weakref.ref(allowed), present, eligible
        return eligible


def _eligible(allowed: Keys, table: KeyTable, present: Present) -> Eligible:
    if len(allowed) * _FEW > present.end:
        bits = np.packbits(table.flags(allowed, present.end), bitorder="little") & present.alive
        return Eligible(bits, int(np.bitwise_count(bits).sum()), present.end, present.count)
    slots = table.slots(allowed)
    slots = np.unique(slots[present.holds(slots)])
    bits = np.zeros(len(present.alive), np.uint8)
    np.bitwise_or.at(bits, *_bits_of(slots))
    return Eligible(bits, len(slots), present.end, present.count, few=slots)


def _constant(array: Keys) -> bool:
    """Whether nobody can change it."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None


def _bits_of(slots: Slots) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    return slots >> 3, np.left_shift(1, slots & 7).astype(np.uint8)
