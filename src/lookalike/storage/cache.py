"""What was made before and is given again: bounded in bytes and entries, and never older than what it was made of."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

_VERSIONS_REMEMBERED = 64  # more than there are threads that ask with an older one

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST_ENTRIES = 100_000
"""Also of those that take next to nothing: a place in the dictionary takes some hundred bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """What a cache holds and how it has done.

    Attributes:
        entries: values held.
        size_bytes: about what they take in memory.
        max_bytes: the most that they may take.
        hits, misses: keys that were answered from it, and that were not.
        evicted: values that had to go for want of room.
        outdated: values that had to go because of a change.
    """

    entries: int
    size_bytes: int
    max_bytes: int
    hits: int
    misses: int
    evicted: int
    outdated: int


class BoundedCache(Generic[Key, Value]):
    """Values by key, the least recently used going first. Safe to use from many threads; a hit takes a microsecond.

    It holds values of one version only. The first key of a newer one empties it, so that a change costs nothing until
    somebody asks, and a value of an older one, which took long to make, is not taken in. A version is anything that can
    be compared for equality and never comes again; older is what the cache has left. Where values never become wrong,
    leave the version out.

    Args:
        most_bytes: that all values may take together; one that takes more is not kept, and 0 keeps none.
        most_entries: that are kept, however little they take.
        keeps_last: keep the last value however large it is, alone.
    """

    def __init__(self, *, most_bytes: int, most_entries: int = MOST_ENTRIES, keeps_last: bool = False) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._keeps_last = keeps_last
        self._mutex = threading.Lock()
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()  # least recently used first
        self._version: Hashable = ()
        self._left: deque[Hashable] = deque(maxlen=_VERSIONS_REMEMBERED)
        self._size_bytes = 0
        self._hits = self._misses = self._evicted = self._outdated = 0

    def get(self, key: Key, *, version: Hashable = ()) -> Value | None:
        """The value that was put under that key; None where there is none, or it is of another version.

        It is the object itself, which nobody may change.
        """
        with self._mutex:
            self._move_on_to(version)
            found = self._values.get(key) if version == self._version else None
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, *, size_bytes: int, version: Hashable = ()) -> None:
        """Keep a value, in the place of an earlier one, unless it is of an older version or too large.

        Args:
            key: as it is asked for.
            value: nobody may change it from now on.
            size_bytes: what it takes in memory.
            version: of what the value was made of.
        """
        with self._mutex:
            self._move_on_to(version)
            if version != self._version:
                return
            _, before = self._values.pop(key, (None, 0))
            self._size_bytes -= before
            if size_bytes > self._most_bytes and not self._keeps_last:
                return
            self._values[key] = value, size_bytes
            self._size_bytes += size_bytes
            while self._has_too_much():
                _, (_, freed) = self._values.popitem(last=False)
                self._size_bytes -= freed
                self._evicted += 1

    def clear(self) -> None:
        """Forget all values, also which version was the newest: for what was put back in time."""
        with self._mutex:
            self._empty()
            self._left.clear()
            self._version = ()

    def facts(self) -> CacheFacts:
        """What it holds at this moment, and how it has done so far."""
        with self._mutex:
            return CacheFacts(
                entries=len(self._values),
                size_bytes=self._size_bytes,
                max_bytes=self._most_bytes,
                hits=self._hits,
                misses=self._misses,
                evicted=self._evicted,
                outdated=self._outdated,
            )

    def _has_too_much(self) -> bool:
        if self._keeps_last and len(self._values) == 1:
            return False
        return self._size_bytes > self._most_bytes or len(self._values) > self._most_entries

    def _move_on_to(self, version: Hashable) -> None:
        """Unless it is this one or an older one."""
        if version == self._version or version in self._left:
            return
        self._empty()
        self._left.append(self._version)
        self._version = version

    def _empty(self) -> None:
        self._outdated += len(self._values)
        self._values = OrderedDict()
        self._size_bytes = 0
