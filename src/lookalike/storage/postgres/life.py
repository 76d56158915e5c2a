"""What the server says of a transaction, and whether it is the server that gave the transaction its number.

A number is durable no sooner than something of its transaction is. After a crash, numbers of which nothing had come to
the disk are given again.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from lookalike.core.errors import StorageFailed
from lookalike.storage.postgres.session import Session

_STATUS = "SELECT pg_xact_status(%s::xid8)"
# Of others one is shown no more than their number, but that to everybody.
_LIFE = """
    SELECT pg_postmaster_start_time()::text, coalesce(array_agg(pid), ARRAY[]::integer[])
    FROM pg_stat_activity WHERE datid IS NULL"""


class Life(NamedTuple):
    """The time from one start of the server to its next stop or crash.

    Attributes:
        started_at: when the first of its processes was; the same after a crash from which that recovers by itself.
        processes: numbers of those that serve all databases, of which each ends in a crash.
    """

    started_at: str
    processes: frozenset[int]

    def lasts(self, now: Life) -> bool:
        """Whether this is still the one that is now. Processes come and go, but not all."""
        return self.started_at == now.started_at and not self.processes.isdisjoint(now.processes)


def life_of(session: Session) -> Life:
    """In which the server is."""
    started_at, processes = session.one(_LIFE)
    return Life(str(started_at), frozenset(processes))


def status_of(session: Session, xid: int) -> str:
    """What the server says of a transaction: `committed`, `aborted` or `in progress`.

    '' where it is too long ago, or the server has not come to that number: it has lost it, or is another.
    """
    try:
        (status,) = session.one(_STATUS, (str(xid),))
    except StorageFailed as error:
        if isinstance(error.__cause__, psycopg.errors.InvalidParameterValue):
            return ""
        raise
    return str(status or "")
