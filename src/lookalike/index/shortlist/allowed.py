"""Which rows of an index a search may answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys

_WORTH_LOOKING_UP = 8
_WORTH_GATHERING = 4


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """Some of N rows. Few are named, so that only they are compared; of many there is a mask, and all are compared.

    Attributes:
        count: how many they are.
        places: shape (count,), intp, ascending; None where there is a mask.
        mask: shape (N,), bool; None where there are places.
    """

    count: int
    places: NDArray[np.intp] | None
    mask: NDArray[np.bool_] | None

    @classmethod
    def of(cls, keys: Keys, allowed: Keys) -> Allowed:
        """Those of some keys.

        Args:
            keys: shape (N,), int64, of the rows; different.
            allowed: shape (A,), int64, in any order; some may be unknown or occur twice.
        """
        if len(allowed) * _WORTH_LOOKING_UP < len(keys):
            places = _look_up(keys, np.unique(allowed))
            return cls(len(places), places, None)
        mask = np.isin(keys, allowed)
        count = int(np.count_nonzero(mask))
        if count * _WORTH_GATHERING < len(keys):
            return cls(count, np.flatnonzero(mask), None)
        return cls(count, None, mask)

    def part(self, start: int, end: int) -> Allowed:
        """Those from row `start` to row `end`, counted from `start`."""
        if self.places is not None:
            first, last = np.searchsorted(self.places, [start, end])
            return Allowed(int(last - first), self.places[first:last] - start, None)
        if self.mask is not None:
            return Allowed(int(np.count_nonzero(self.mask[start:end])), None, self.mask[start:end])
        return self


def _look_up(keys: Keys, wanted: Keys) -> NDArray[np.intp]:
    """The places of some keys, which are sorted; the keys of the rows mostly are."""
    order = None if (keys[1:] > keys[:-1]).all() else np.argsort(keys)
    found = np.searchsorted(keys, wanted, sorter=order)
    inside = found < len(keys)
    found, wanted = found[inside], wanted[inside]
    places = found if order is None else order[found]
    return np.sort(places[keys[places] == wanted])
