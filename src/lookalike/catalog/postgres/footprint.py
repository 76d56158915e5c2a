"""What a transaction has read and what it has written: by that it is told who was faster.

PostgreSQL's own SERIALIZABLE would tell the same, but locks whole pages of indexes, and whole tables once a block has
looked up some dozen rows: two batches of some hundred pictures each would always be in each other's way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntFlag

_MOST_NUMBERS = 20_000
"""More than so many are noted as all of their tables: comparing them would take longer than that is worth."""


class Of(IntFlag):
    """Of which table a number is, or which was read whole. The files of a picture are noted by its id and key, too."""

    IMAGES = 1
    FILES = 2
    REFUSED = 4
    FORGOTTEN = 8
    SETTINGS = 16
    CLAIMS = 32
    DELETING = 64
    MODELS = 128
    MODEL_VECTORS = 256
    PROJECTIONS = 512
    LEASES = 1024


class Footprint:
    """Rows as 64-bit numbers, and tables that count as a whole.

    Two rows may have the same number, once in some billions; then one of two blocks begins again for nothing.
    """

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.tables = Of(0)
        self.whole = Of(0)

    def __bool__(self) -> bool:
        return bool(self.tables)

    def note(self, table: Of, names: Iterable[str | bytes | int]) -> None:
        """Rows of a table by what they are looked up by: key, id, path, name."""
        self.note_numbers(table, {number_of(table, name) for name in names})

    def note_numbers(self, table: Of, numbers: set[int]) -> None:
        """The same rows, as numbers already."""
        if not numbers:
            return
        self.tables |= table
        if self.whole & table:
            return
        self.numbers |= numbers
        if len(self.numbers) > _MOST_NUMBERS:
            self.numbers.clear()
            self.whole |= self.tables

    def note_whole(self, table: Of) -> None:
        """Every row of a table, also those that are not there."""
        self.tables |= table
        self.whole |= table


def number_of(table: Of, name: str | bytes | int) -> int:
    """A number of 64 bits, with sign, that is nearly always another one for another row."""
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogatepass")
    elif isinstance(name, int):
        name = b"\x00key %d" % name
    return int.from_bytes(hashlib.blake2b(b"%d " % table + name, digest_size=8).digest(), "big", signed=True)
