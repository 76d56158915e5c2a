"""The feed of changes, in the order of (transaction, number), below the oldest transaction that still runs.

A number that was taken early and is committed late is never stepped past: as long as its transaction runs, nothing at
or behind it is told. Each page is one statement, for two statements see two states. A transaction that stays open
delays the feed, and loses nothing; on the server all databases count, for it numbers the transactions of all together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from lookalike.catalog.numbered_feed import ALL_KINDS, check_limit, entries_of, page_of, unknown
from lookalike.core.records import START, ChangeKind, ChangePage, Cursor
from lookalike.storage.postgres.session import Session

Position = tuple[int, int]
"""The transaction and the number of a change in it."""

_BEGINNING: Position = (0, 0)
_WHOLE: Final = 2**62
"""In a cursor: behind all changes of the transaction."""

_CURSOR = re.compile("([0-9]{1,19}):([0-9]{1,19}) ([0-9a-f]{1,16})")

_EDGE = "pg_snapshot_xmin(pg_current_snapshot())"
"""The oldest transaction that still runs, in the state that the statement sees; all below it have ended."""

_NEWEST = f"SELECT xid, word FROM ours.history WHERE xid < {_EDGE} ORDER BY xid DESC LIMIT 1"
_CHANGED = f"""
    (SELECT key, removed, xid, seq, vector_xid, vector_seq FROM ours.images
     WHERE ({{0}}xid, {{0}}seq) > (%s::xid8, %s) AND {{0}}xid < {_EDGE} ORDER BY {{0}}xid, {{0}}seq LIMIT %s)"""
_BY_CHANGE, _BY_VECTOR = _CHANGED.format(""), _CHANGED.format("vector_")
_PAGE = f"""
    WITH newest AS ({_NEWEST}), changed AS ({{changed}})
    SELECT 'edge', NULL::bigint, NULL::boolean, {_EDGE}::text, NULL::bigint, NULL::text, NULL::bigint
    UNION ALL SELECT 'newest', NULL, NULL, xid::text, word, NULL, NULL FROM newest
    UNION ALL SELECT 'since', NULL, NULL, xid::text, word, NULL, NULL FROM ours.history WHERE xid = %s::xid8
    UNION ALL SELECT 'row', key, removed, xid::text, seq, vector_xid::text, vector_seq FROM changed
    UNION ALL SELECT 'word', NULL, NULL, h.xid::text, h.word, NULL, NULL FROM ours.history h
        JOIN (SELECT xid FROM changed UNION SELECT vector_xid FROM changed) c ON c.xid = h.xid"""


class _Place(NamedTuple):
    position: Position
    word: int


class _Row(NamedTuple):
    """A picture that has changed, and where."""

    key: int
    removed: bool
    last: Position
    vector: Position


def changes(session: Session, since: Cursor, kinds: Collection[ChangeKind] | None, limit: int) -> ChangePage:
    """See `Catalog.changes`."""
    check_limit(limit)
    asked = ALL_KINDS if kinds is None else frozenset(kinds)
    place = _place_of(since)
    if place is None:
        raise unknown(since)
    scans = [_BY_CHANGE, _BY_VECTOR] if ChangeKind.METADATA in asked else [_BY_VECTOR]
    start = place.position
    values = (*(str(start[0]), start[1], limit + 1) * len(scans), str(start[0]))
    found = session.rows(_PAGE.format(changed=" UNION ".join(scans)), values)
    words = {int(row[3]): row[4] for row in found if row[0] in ("word", "newest", "since")}
    if start != _BEGINNING and words.get(start[0]) != place.word:
        raise unknown(since)
    rows = [_Row(row[1], row[2], (int(row[3]), row[4]), (int(row[5]), row[6])) for row in found if row[0] == "row"]
    (edge,) = (int(row[3]) for row in found if row[0] == "edge")
    end = next(((int(row[3]), _WHOLE) for row in found if row[0] == "newest"), _BEGINNING)
    bound = _read_as_far_as(rows, start, edge, limit, with_metadata=ChangeKind.METADATA in asked)
    entries = sorted(
        entry
        for row in rows
        for entry in entries_of(row.key, last=row.last, vector=row.vector, removed=row.removed, kinds=asked)
        if start < entry.position and entry.position[0] < edge and (bound is None or entry.position <= bound)
    )

    def cursor_at(position: Position) -> Cursor:
        return START if position == _BEGINNING else _cursor(position, words[position[0]])

    page = page_of(entries, limit=limit, end=cursor_at(bound or max(end, start)), cursor_at=cursor_at)
    return page if bound is None else page._replace(complete=False)


def _read_as_far_as(
    rows: Sequence[_Row], start: Position, edge: int, limit: int, *, with_metadata: bool
) -> Position | None:
    """Up to which place all is known: where a scan has ended for its limit; None where none has."""
    scans = [[row.vector for row in rows]] + ([[row.last for row in rows]] if with_metadata else [])
    ends = []
    for scan in scans:
        places = sorted(place for place in scan if start < place and place[0] < edge)
        if len(places) > limit:
            ends.append(places[limit])
    return min(ends, default=None)


def newest(session: Session) -> Cursor:
    """The place behind all that the feed tells now."""
    row = session.first(f"SELECT xid::text, word FROM ({_NEWEST}) newest")
    return START if row is None else _cursor((int(row[0]), _WHOLE), row[1])


def follows(session: Session, cursor: Cursor) -> bool:
    """Whether a place is of this catalog's history."""
    place = _place_of(cursor)
    if place is None or place.position == _BEGINNING:
        return place is not None
    return (
        session.first(
            "SELECT 1 FROM ours.history WHERE xid = %s::xid8 AND word = %s", (str(place.position[0]), place.word)
        )
        is not None
    )


def _place_of(cursor: Cursor) -> _Place | None:
    if cursor == START:
        return _Place(_BEGINNING, 0)
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        return None
    place = _Place((int(found[1]), int(found[2])), int(found[3], 16))
    return place if place.position[0] < 2**63 and place.position[1] < 2**63 and place.word < 2**63 else None


def _cursor(position: Position, word: int) -> Cursor:
    return Cursor(f"{position[0]}:{position[1]} {word:x}")
