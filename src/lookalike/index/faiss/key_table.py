"""Which slots the vectors of a key were ever given.

Most keys come in ascending order, as a build gives them: there the keys by slot are themselves the sorted list to look
into, and nothing else is kept. The others lie in a sorted list of keys and slots, the most recent of them in a dict.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys
from lookalike.index.faiss.columns import Column, Slots

_MOST_RECENT = 20_000
_SPREAD = 8
_MANY = 1000


class _Ascending(NamedTuple):
    """The first slots, as far as their keys ascend: how many, and the keys of the first and the last of them."""

    length: int
    first: int
    last: int

    @property
    def gapless(self) -> bool:
        """Whether a key of these is its slot and a constant."""
        return self.last - self.first + 1 == self.length


_NONE = _Ascending(0, 0, -1)


class KeyTable:
    """Slots by key. Many may look things up while one thread adds.

    What was removed is not forgotten: a key's slots may be those of vectors that are there no more, which only the
    caller knows. Of several slots of a key the last is among those that are found.

    Args:
        keys: the key of each slot; it grows by `add` alone.
    """

    def __init__(self, keys: Column[np.int64]) -> None:
        self._keys = keys
        everything = np.concatenate([part for _, part in keys.parts(len(keys))] or [np.empty(0, np.int64)])
        falls = np.flatnonzero(np.diff(everything) <= 0)
        count = int(falls[0]) + 1 if len(falls) else len(everything)
        self._ascending = _Ascending(count, int(everything[0]), int(everything[count - 1])) if count else _NONE
        self._later = _newest(everything[count:], np.arange(count, len(everything)))
        self._recent: dict[int, int] = {}

    def add(self, keys: Keys) -> None:
        """Put different keys behind the last; they get the slots from there on.

        Args:
            keys: shape (N,), int64.
        """
        first = len(self._keys)
        self._keys.append(keys)
        if not len(keys):
            return
        ascending = self._ascending
        if first == ascending.length and keys[0] > ascending.last and (np.diff(keys) > 0).all():
            least = ascending.first if first else int(keys[0])
            self._ascending = _Ascending(first + len(keys), least, int(keys[-1]))
            return
        self._recent.update(zip(keys.tolist(), range(first, first + len(keys)), strict=True))
        if len(self._recent) > _MOST_RECENT:
            recent_keys = np.fromiter(self._recent.keys(), np.int64, len(self._recent))
            recent_slots = np.fromiter(self._recent.values(), np.int64, len(self._recent))
            later_keys, later_slots = self._later
            together = np.concatenate([later_keys, recent_keys]), np.concatenate([later_slots, recent_slots])
            self._later = _newest(*together)
            self._recent = {}

    def slots(self, keys: Keys) -> Slots:
        """Slots of some of the keys, in no order, each once; unknown keys have none.

        Args:
            keys: shape (M,), int64, in any order.
        Returns:
            shape (at most M,), int64.
        """
        wanted = keys if len(keys) < 2 or (np.diff(keys) > 0).all() else np.unique(keys)
        recent = self._recent  # read before the sorted list, for keys go from here to there
        later, ascending = self._later, self._ascending
        found = [_find(wanted, *later)]
        if ascending.gapless:
            found.append(wanted[(wanted >= ascending.first) & (wanted <= ascending.last)] - ascending.first)
        else:
            found += [_find(wanted, part, first=first) for first, part in self._keys.parts(ascending.length)]
        if recent:
            hits = [recent[key] for key in wanted.tolist() if key in recent]
            found.append(np.array(hits, np.int64))
        return np.unique(np.concatenate(found)) if recent else np.concatenate(found)

    def flags(self, keys: Keys, end: int) -> NDArray[np.bool_]:
        """Whether each slot before `end` has one of the keys: shape (end,). Faster than `slots` for very many keys.

        Args:
            keys: shape (M,), int64.
            end: how many slots to tell of.
        Returns:
            shape (end,), bool, a new array.
        """
        flags = np.zeros(end, bool)
        count, least, most = self._ascending
        if len(keys) < _MANY or count > end or most - least > _SPREAD * count:
            return self._mark(flags, keys)
        within = keys if least <= keys.min() and keys.max() <= most else keys[(keys >= least) & (keys <= most)]
        wanted = np.zeros(most - least + 1, bool)
        wanted[within - least if least else within] = True
        if most - least + 1 == count:
            flags[:count] = wanted
        else:
            for first, part in self._keys.parts(count):
                np.take(wanted, part - least, out=flags[first : first + len(part)])
        return self._mark(flags, keys) if count < end else flags

    def _mark(self, flags: NDArray[np.bool_], keys: Keys) -> NDArray[np.bool_]:
        slots = self.slots(keys)
        flags[slots[slots < len(flags)]] = True
        return flags


def _newest(keys: Keys, slots: Slots) -> tuple[Keys, Slots]:
    """Sorted by key, of each key that with the last place."""
    backwards, places = np.unique(keys[::-1], return_index=True)
    return backwards, slots[::-1][places]


def _find(wanted: Keys, keys: Keys, slots: Slots | None = None, *, first: int = 0) -> Slots:
    """The slots of those wanted keys that are among sorted ones; without `slots` they are numbered from `first`."""
    if not len(keys):
        return np.empty(0, np.int64)
    places = np.searchsorted(keys, wanted)
    hits: Slots = places[keys.take(places, mode="clip") == wanted]
    return hits + first if slots is None else slots[hits]
