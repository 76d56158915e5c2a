"""Idempotency keys and the replies to them, within a transaction that no other runs beside."""

from __future__ import annotations

import sqlite3

from lookalike.ledger.base import KeptReply, ReplyQuota
from lookalike.ledger.idempotency import Begun, ReplyRounds, reply_again, too_many
from lookalike.ledger.sqlite import tables
from lookalike.ledger.storable import headers_json, reply_bytes, storable_key
from lookalike.storage.sqlite.errors import decoding

_BEGIN = """
    INSERT OR REPLACE INTO begun (key, caller, body_hash, holder, begun_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"""
_RENEW = "UPDATE begun SET begun_at = ? WHERE key = ? AND holder = ? AND status IS NULL"
_FINISH = """
    UPDATE begun SET status = ?, headers = ?, body = ?, size_bytes = ?
    WHERE key = ? AND holder = ? AND status IS NULL"""
REPLIES_OF = """
    SELECT key, size_bytes FROM begun WHERE caller = ? AND status IS NOT NULL ORDER BY begun_at DESC, key DESC"""
_ABANDON = "DELETE FROM begun WHERE key = ? AND holder = ? AND status IS NULL"


def begin(connection: sqlite3.Connection, key: str, new: Begun) -> KeptReply | None:
    """Begin what a key stands for, or give the reply that was given; see `lookalike.ledger.base.Ledger.begin`."""
    key = storable_key(key)
    row = connection.execute("SELECT * FROM begun WHERE key = ?", (key,)).fetchone()
    begun = None if row is None else tables.begun_of_row(row)
    reply = reply_again(begun, body_hash=new.body_hash, now=new.begun_at)
    if reply is None:
        values = (key, storable_key(new.caller), new.body_hash, new.holder, new.begun_at, new.expires_at)
        connection.execute(_BEGIN, values)
    return reply


def renew(connection: sqlite3.Connection, key: str, *, holder: str, now: float) -> None:
    """Say that what was begun goes on."""
    connection.execute(_RENEW, (now, storable_key(key), holder))


def finish(
    connection: sqlite3.Connection,
    key: str,
    reply: KeptReply,
    *,
    holder: str,
    quota: ReplyQuota | None,
    rounds: ReplyRounds,
) -> None:
    """Keep the reply of what was begun; see `lookalike.ledger.base.Ledger.finish`."""
    size_bytes = reply_bytes(reply)
    row = (reply.status, headers_json(reply.headers), reply.body, size_bytes, storable_key(key), holder)
    with decoding():
        is_kept = connection.execute(_FINISH, row).rowcount == 1
        if not is_kept or quota is None:
            return
        (caller,) = connection.execute("SELECT caller FROM begun WHERE key = ?", row[4:5]).fetchone()
        if rounds.is_due(caller, size_bytes, quota):
            kept = ((str(one), int(size)) for one, size in connection.execute(REPLIES_OF, (caller,)))
            for gone in too_many(kept, quota):
                connection.execute("DELETE FROM begun WHERE key = ?", (gone,))


def abandon(connection: sqlite3.Connection, key: str, *, holder: str) -> None:
    """Forget what was begun, so that it may be tried again."""
    connection.execute(_ABANDON, (storable_key(key), holder))
