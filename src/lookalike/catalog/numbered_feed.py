"""The change feed of a catalog whose changes are numbered one after the other, in the order of their commits.

Each picture has two numbers: that of its last change of any kind, and that of the last one which concerned its vector
(added, brought back, another vector, removed). So it stands in the feed once or twice: as VECTOR or REMOVED at the
latter, and as METADATA at the former where that is later. Nothing is skipped, whichever kinds a reader asks for, and
who follows vectors alone never meets a change of metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from lookalike.core.errors import BadInput, CursorUnknown
from lookalike.core.records import START, Change, ChangeKind, ChangePage, Cursor

Position = TypeVar("Position")

ALL_KINDS: Final = frozenset(ChangeKind)

_PLACE = re.compile("([1-9][0-9]{0,17}) ([0-9a-f]*)")


class Entry(NamedTuple, Generic[Position]):
    """A change and where it stands in the feed."""

    position: Position
    key: int
    kind: ChangeKind


class Place(NamedTuple):
    """What a cursor says.

    Attributes:
        seq: the number of the last change before it; 0 for none.
        history: the word for who made that change.
    """

    seq: int
    history: str


def place_of(cursor: Cursor) -> Place | None:
    """What a cursor says that `numbered_cursor` has made; None where it is none of these."""
    if cursor == START:
        return Place(0, "")
    found = _PLACE.fullmatch(cursor)
    return Place(int(found[1]), found[2]) if found else None


def unknown(cursor: Cursor) -> CursorUnknown:
    """The error for a place that is not of the catalog's history."""
    return CursorUnknown(
        f"expected a place in the changes of this catalog's history, got {cursor[:80]!r}: the catalog was put back "
        "from a copy, or is another one; read all of it anew"
    )


def check_limit(limit: int) -> None:
    """Refuse a page of nothing, from which nobody would get on.

    Raises:
        BadInput: when `limit` is less than 1.
    """
    if limit < 1:
        raise BadInput(f"expected a limit of at least 1 change a page, got {limit}: leave it out for as many as usual")


def entries_of(
    key: int, *, last: Position, vector: Position, removed: bool, kinds: Collection[ChangeKind]
) -> list[Entry[Position]]:
    """Where a picture stands in the feed that a reader of some kinds follows.

    Args:
        key: of the picture.
        last: where it changed last.
        vector: where its vector changed last.
        removed: whether it is not there any more.
        kinds: that are asked for.
    """
    if removed:
        return [Entry(vector, key, ChangeKind.REMOVED)] if ChangeKind.REMOVED in kinds else []
    found = [Entry(vector, key, ChangeKind.VECTOR)] if ChangeKind.VECTOR in kinds else []
    if ChangeKind.METADATA in kinds and (last != vector or ChangeKind.VECTOR not in kinds):
        found.append(Entry(last, key, ChangeKind.METADATA))
    return found


def page_of(
    entries: Sequence[Entry[Position]], *, limit: int, end: Cursor, cursor_at: Callable[[Position], Cursor]
) -> ChangePage:
    """A page of a feed, each picture once.

    It never ends between two changes at the same place, of which the second would be skipped: where a catalog numbers
    two alike, which none should, the page is shorter, or as long as all of these.

    Args:
        entries: what comes next, in order; more than `limit` where there is more than that.
        limit: how many to take.
        end: the place after all there is.
        cursor_at: the place after an entry.
    """
    told: dict[int, Change] = {}
    taken = entries[: _end_of_page(entries, limit)]
    for entry in taken:
        if entry.key not in told or entry.kind is not ChangeKind.METADATA:  # VECTOR says that much, too
            told[entry.key] = Change(entry.key, entry.kind)
    if len(taken) == len(entries):
        return ChangePage(list(told.values()), end, complete=True)
    return ChangePage(list(told.values()), cursor_at(taken[-1].position), complete=False)


def _end_of_page(entries: Sequence[Entry[Position]], limit: int) -> int:
    if len(entries) <= limit:
        return len(entries)
    after = entries[limit].position
    whole = next((n for n in range(limit, 0, -1) if entries[n - 1].position != after), 0)
    return whole or next((n for n in range(limit, len(entries)) if entries[n].position != after), len(entries))
