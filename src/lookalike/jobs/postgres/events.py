"""Events are numbered when they are committed, by whoever reads next.

A number that is taken within a transaction may be committed after a larger one was read, and whoever goes on from that
never learns of it. To number within the last statement of a transaction, under a lock, makes every writer wait for the
others' disk; to read only below the oldest transaction that still runs lets a backup of an hour hold all events up. So
an event is written without a number. Who reads gives numbers first, one reader at a time, to all events that are
committed by then. What is committed later has a larger number, however early it was written; of one job the events are
numbered as they happened, for its row was locked. And numbers have no gap, for they are given to what is there.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Several
from collections.abc import Sequence

from lookalike.jobs import transitions
from lookalike.jobs.base import Event
from lookalike.jobs.storable import job_of_fields, printable
from lookalike.storage.postgres.errors import decoding
from lookalike.storage.postgres.session import Session
from lookalike.storage.postgres.tables import Tables

_AT_ONCE = 5_000
_LARGEST = 2**63 - 1

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('lookalike events of ' || %s, 0))"
_NUMBER = f"""
    WITH new AS (
        SELECT id, row_number() OVER (ORDER BY id) AS nth FROM ours.events
        WHERE seq IS NULL ORDER BY id LIMIT {_AT_ONCE}
    ), last AS (SELECT coalesce(max(seq), 0) AS seq FROM ours.events)
    UPDATE ours.events SET seq = last.seq + new.nth FROM new, last WHERE events.id = new.id"""
_FORGET = "DELETE FROM ours.events WHERE seq <= (SELECT max(seq) FROM ours.events) - %s"
LAST = """
    SELECT (SELECT coalesce(max(seq), 0) FROM ours.events), EXISTS (SELECT FROM ours.events WHERE seq IS NULL)"""
# One statement, so that what is forgotten at this moment is either told or counted as gone.
_EVENTS = """
    SELECT oldest.seq, told.* FROM (SELECT min(seq) AS seq FROM ours.events) AS oldest LEFT JOIN LATERAL (
        SELECT events.seq, events.event, events.job, jobs.payload
        FROM ours.events AS events LEFT JOIN ours.jobs AS jobs ON jobs.id = events.job_id
        WHERE events.seq > %s{of_collections}
        ORDER BY events.seq LIMIT %s
    ) AS told ON true ORDER BY told.seq"""
EVENTS = _EVENTS.format(of_collections="")
EVENTS_OF = _EVENTS.format(of_collections=" AND events.collection = ANY(%s::text[])")


def last_number(stored: Tables) -> int:
    """Number of the newest event that is committed; 0 where there was none."""
    while True:
        number, are_new = stored.ask(lambda session: session.one(LAST))
        if not are_new:
            return int(number)
        number_events(stored)


def number_events(stored: Tables) -> None:
    """Give numbers to what has been committed since, and forget what is beyond what is kept. Idempotent."""
    while stored.commit(_number_some) == _AT_ONCE:
        pass


def read_events(
    stored: Tables, after: int, *, collections: Several[str] | None, limit: int
) -> tuple[Sequence[Event], int]:
    """What happened after an event; see `lookalike.jobs.base.Jobs.events`."""
    last_number(stored)
    first, most = min(max(0, after), _LARGEST), max(0, limit)
    if collections is None:
        rows = stored.ask(lambda session: session.rows(EVENTS, (first, most)))
    else:
        names = [printable(name) for name in collections]
        rows = stored.ask(lambda session: session.rows(EVENTS_OF, (first, names, most)))
    with decoding():
        events = [
            Event(int(seq), str(event), job_of_fields(json.loads(job), payload=payload or "{}"))
            for _, seq, event, job, payload in rows
            if seq is not None
        ]
    return events, (rows[0][0] or 1) - 1


def _number_some(session: Session) -> int:
    session.rows(_LOCK, (session.schema,))
    numbered = session.change(_NUMBER)
    session.change(_FORGET, (transitions.KEPT_EVENTS,))
    return numbered
