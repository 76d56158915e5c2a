"""What a transaction notes while it runs: what it has read and changed, and what it has added to the tallies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lookalike.catalog.postgres import tallies
from lookalike.catalog.postgres.footprint import Footprint, Of, number_of
from lookalike.catalog.postgres.words import names_of
from lookalike.core.records import Metadata


class Notes:
    """Of one transaction.

    Attributes:
        read, wrote: rows and tables.
        added: to the tallies.
        moves_feed: whether the feed tells of it.
    """

    def __init__(self) -> None:
        self.read, self.wrote = Footprint(), Footprint()
        self.added: Counter[str] = Counter()
        self.moves_feed = False
        self._locked: set[int] = set()

    @property
    def has_changed(self) -> bool:
        """Whether anything is to be committed."""
        return bool(self.wrote) or any(self.added.values())

    def reading(self, table: Of, names: Iterable[str | bytes | int]) -> None:
        """Rows are read, but for pictures that this transaction has changed itself.

        Those are locked: nobody else can have changed them when it commits.
        """
        self.read.note_numbers(table, {number_of(table, name) for name in names} - self._locked)

    def changing_images(self, keys: Mapping[str, int]) -> None:
        """Pictures are changed, by id."""
        self.moves_feed = True
        numbers = {number_of(Of.IMAGES, name) for pair in keys.items() for name in pair}
        self.wrote.note_numbers(Of.IMAGES, numbers)
        self._locked |= numbers

    def tally_fields(self, before: Metadata, after: Metadata) -> None:
        """A picture has other fields than before."""
        if before or after:
            self.added.update(tallies.FIELD + name for name in names_of(after))
            self.added.subtract(tallies.FIELD + name for name in names_of(before))
