"""Going on in a database that was put back from a copy.

A copy that a server of other files takes in, as `pg_restore` does, brings numbers of transactions that this server has
not reached yet: the feed would tell nothing until it has. So all changes are numbered anew, in their order, and every
cursor of before is unknown from then on. Where the server's own files were put back, numbers go on as they were, and
what is written from then on bears other words.
"""

from __future__ import annotations

from lookalike.catalog.postgres import tallies
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

_IS_AHEAD = """
    SELECT coalesce((SELECT max(xid) FROM ours.history) >= pg_snapshot_xmax(pg_current_snapshot()), false)"""
_RENUMBER = (
    "LOCK TABLE ours.images, ours.history, ours.writes IN EXCLUSIVE MODE",
    "UPDATE ours.images SET xid = pg_current_xact_id(), vector_xid = pg_current_xact_id()",
    "DELETE FROM ours.history",
    "DELETE FROM ours.writes",
    "UPDATE ours.pruned SET newest = '0'",
)


def go_on_from_copy(pool: Pool, schema: str) -> None:
    """Number the changes anew where they are ahead of the server; takes as long as there are pictures."""
    if not pool.ask(schema, is_ahead):
        return
    with pool.transaction(schema, lock_wait_s=60.0) as session:
        session.change("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        session.change(_RENUMBER[0])
        if not is_ahead(session):
            return
        for statement in _RENUMBER[1:]:
            session.change(statement)
        session.change("INSERT INTO ours.history (word) VALUES (%s)", (tallies.random_word(),))


def is_ahead(session: Session) -> bool:
    """Whether there are changes of transactions that the server has not begun yet."""
    return bool(session.one(_IS_AHEAD)[0])
