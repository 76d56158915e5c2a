"""What filters have selected, kept until something changes: one who asks with a filter mostly asks with it again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from lookalike.catalog.sqlite.filters import Sql
from lookalike.core.vectors import Keys

MOST_BYTES = 64_000_000


class Selections:
    """Read-only arrays of keys by statement, the least recently used going first. Safe to use from many threads.

    Args:
        most_bytes: that all arrays together may take; a larger one is not kept.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._mutex = threading.Lock()
        self._version = -1
        self._kept: OrderedDict[tuple[str, str], Keys] = OrderedDict()
        self._bytes = 0

    def get(self, statement: Sql, *, version: int) -> Keys | None:
        """What the statement selected at that version of the catalog, if it is kept."""
        with self._mutex:
            name = _name(statement)
            if version != self._version or name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name]

    def put(self, statement: Sql, keys: Keys, *, version: int) -> None:
        """Keep what the statement selected; what other versions gave is forgotten."""
        with self._mutex:
            if version < self._version or keys.nbytes > self._most_bytes:
                return
            if version > self._version:
                self._kept.clear()
                self._version, self._bytes = version, 0
            before = self._kept.pop(_name(statement), None)
            self._kept[_name(statement)] = keys
            self._bytes += keys.nbytes - (before.nbytes if before is not None else 0)
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


def _name(statement: Sql) -> tuple[str, str]:
    return statement.text, repr(statement.values)  # for 1, 1.0 and True are equal, but not the same in a filter
