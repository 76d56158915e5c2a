"""Leases: each function is one statement."""

from __future__ import annotations

from lookalike.core.lease import Lease
from lookalike.storage.postgres.session import Session

_PUT = """
    INSERT INTO ours.leases (name, holder, fence, ends_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = excluded.fence, ends_at = excluded.ends_at"""


def lease(session: Session, name: str) -> Lease | None:
    """The one that was granted last."""
    row = session.first("SELECT holder, fence, ends_at FROM ours.leases WHERE name = %s", (name,))
    return None if row is None else Lease(name=name, holder=row[0], fence=row[1], ends_at=row[2])


def put(session: Session, lease: Lease) -> None:
    """Write it down."""
    session.change(_PUT, (lease.name, lease.holder, lease.fence, lease.ends_at))
