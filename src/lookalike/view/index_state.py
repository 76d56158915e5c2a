"""The state of an index: searches take everything from one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lookalike.core.records import Cursor
from lookalike.index.base import Index, LocalIndex
from lookalike.index.projection import Projection


class Searched(Protocol):
    """What searches take from the state of an index, wherever that lives."""

    @property
    def index(self) -> Index:
        """The index."""
        ...

    @property
    def projection(self) -> Projection | None:
        """What vectors passed before they came into it; None for raw ones."""
        ...

    @property
    def cursor(self) -> Cursor:
        """All changes of the catalog up to this place in its feed are known to its answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexState:
    """An index, the projection of all that is in it, and how far it has followed the catalog.

    Following changes the index in place, so that a search meanwhile sees some of the changes already; a new projection
    comes with a new index.

    Attributes:
        index: the index.
        projection: what vectors passed before they came into it; None for raw ones.
        tried_with: how many vectors there were when a projection was last learnt, or was not to be had from them.
        projection_version: the number in the catalog of what says how vectors came into it; 0 where there is none.
        newest_version: of the catalog, when it was last looked at.
        cursor: all changes of the catalog up to this place in its feed are in the index.
        applied: how many changes it has taken in since it was made or read.
        saved: how many of these the last snapshot holds; None where it was not saved.
    """

    index: LocalIndex
    projection: Projection | None
    tried_with: int
    cursor: Cursor
    projection_version: int = 0
    newest_version: int = 0
    applied: int = 0
    saved: int | None = None

    @property
    def is_saved(self) -> bool:
        """Whether the last snapshot holds all that the index does."""
        return self.saved == self.applied
