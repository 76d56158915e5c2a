"""Leases: each function is a statement or two on a connection within a transaction."""

from __future__ import annotations

import sqlite3

from lookalike.catalog.sqlite.errors import decoding
from lookalike.core.lease import Lease
from lookalike.storage.sqlite.errors import DamagedRow


def lease(connection: sqlite3.Connection, name: str) -> Lease | None:
    """The lease that was granted last, which may have ended."""
    row = connection.execute("SELECT holder, fence, ends_at FROM leases WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    holder, fence, ends_at = row
    if not isinstance(fence, int) or not isinstance(ends_at, int):
        raise DamagedRow("the fence and the end of a lease should be whole numbers, but are not")
    return Lease(name=name, holder=str(holder), fence=fence, ends_at=ends_at)


def put(connection: sqlite3.Connection, granted: Lease) -> None:
    """Write down what was granted, in the place of the last one."""
    with decoding():
        connection.execute(
            "INSERT INTO leases (name, holder, fence, ends_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " holder = excluded.holder, fence = excluded.fence, ends_at = excluded.ends_at",
            (granted.name, granted.holder, granted.fence, granted.ends_at),
        )
