"""The end of a transaction: who was faster, what it has changed, and that others are told.

All transactions of a catalog take one lock of the server for the moment of their commit, so that whoever looks sees all
that was committed before. Those that have read nothing need not look, and do not wait for one another. The lock goes
with the transaction, however that ends.
"""

from __future__ import annotations

import logging
import random

from lookalike.catalog.postgres import tallies
from lookalike.catalog.postgres.footprint import Footprint
from lookalike.catalog.postgres.notes import Notes
from lookalike.core.errors import LookalikeError, Overtaken
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

_LOCKS = 1_279_217_739
"""Tells our locks from those of other programs in the same database: the letters LOOK, as a number."""

_log = logging.getLogger(__name__)

# What it has added to the tallies, which rows it has touched, and that the feed has moved: one statement, one answer.
_PUT = f"""
    WITH tallied AS ({tallies.PUT}),
         touched AS (INSERT INTO ours.writes (tables, touched) VALUES (%s, %s::bigint[])),
         moved AS (INSERT INTO ours.history (word) SELECT %s::bigint WHERE %s),
         told AS (SELECT pg_notify(%s::text, '') WHERE %s)
    SELECT pg_current_xact_id()::text, (SELECT count(*) FROM told)"""
_FASTER = """
    WITH mine AS (SELECT %s::pg_snapshot AS seen)
    SELECT EXISTS (
        SELECT 1 FROM ours.writes w, mine
        WHERE w.xid >= pg_snapshot_xmin(mine.seen) AND NOT pg_visible_in_snapshot(w.xid, mine.seen)
        AND ((w.tables & %s) <> 0 OR EXISTS (
            SELECT 1 FROM unnest(w.touched) t JOIN unnest(%s::bigint[]) r ON t = r))
    ) OR EXISTS (SELECT 1 FROM ours.pruned p, mine WHERE NOT pg_visible_in_snapshot(p.newest, mine.seen))"""


def finish(session: Session, notes: Notes, *, snapshot: str, number: int, checking: Pool, place: str) -> bool:
    """Write down what was changed, and see that nobody was faster; the commit follows.

    Args:
        session: of the transaction.
        notes: of it.
        snapshot: what it has seen.
        number: of the catalog.
        checking: connections for looking at what is committed now.
        place: for messages.
    Returns:
        whether anything was changed.
    Raises:
        Overtaken: when another one has changed what was read here.
    """
    if not notes.has_changed:
        return False
    moves, read = notes.moves_feed, notes.read
    tables, touched = _as_written(notes.wrote)
    values = (tallies.random_word(), tallies.deltas_json(notes.added), tables, touched, tallies.random_word(), moves)
    (xid, _) = session.one(_PUT, (*values, session.schema, moves))
    session.xid = int(xid)
    kind = "" if read else "_shared"
    session.rows(f"SELECT pg_advisory_xact_lock{kind}(%s, %s)", (_LOCKS, number))
    if read and _is_overtaken(checking, session.schema, snapshot, read):
        raise Overtaken(
            f"{place}: expected what was read to stay until the commit, but another writer has changed it: "
            "begin the block again"
        )
    return True


def tidy(checking: Pool, schema: str) -> None:
    """Now and then put tallies together: by chance, so that of many writers one does it."""
    if random.randrange(tallies.MANY):  # noqa: S311 - no secret
        return
    try:
        checking.ask(schema, tallies.fold)
    except LookalikeError as error:  # the commit itself was made; the next one does it
        _log.warning("tallies were not put together: %s", error)


def _as_written(wrote: Footprint) -> tuple[int, list[int]]:
    """What of a commit is compared with what others have read: a table read whole meets every row of it."""
    return int(wrote.tables), [*wrote.numbers, *(-int(table) for table in wrote.whole)]


def _is_overtaken(checking: Pool, schema: str, snapshot: str, read: Footprint) -> bool:
    # Who has written a table as a whole bears its number with a minus sign, and so does who has read any row of it.
    numbers = [*read.numbers, *(-int(table) for table in read.tables)]
    values = (snapshot, int(read.whole), numbers)
    return bool(checking.ask(schema, lambda session: session.one(_FASTER, values)[0]))
