"""Idempotency keys and the replies to them, within a transaction that waits for others."""

from __future__ import annotations

from lookalike.jobs.postgres.tables import NOW
from lookalike.ledger.base import KeptReply, ReplyQuota
from lookalike.ledger.idempotency import Begun, reply_again, too_many
from lookalike.ledger.postgres.rows import BEGUN, begun_of_row, key_text
from lookalike.ledger.storable import headers_json, reply_bytes
from lookalike.storage.postgres.session import Session

# Of two that begin the same key, one puts the row in, for whose end the other waits.
_BEGIN = """
    INSERT INTO ours.begun (key, caller, body_hash, holder, begun_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (key) DO NOTHING"""
_FIND = f"SELECT {BEGUN} FROM ours.begun WHERE key = %s FOR NO KEY UPDATE"
_BEGIN_ANEW = """
    UPDATE ours.begun SET caller = %s, body_hash = %s, holder = %s, begun_at = %s, expires_at = %s,
        status = NULL, headers = NULL, body = NULL, size_bytes = 0
    WHERE key = %s"""
_RENEW = f"UPDATE ours.begun SET begun_at = {NOW} WHERE key = %s AND holder = %s AND status IS NULL"
_FINISH = """
    UPDATE ours.begun SET status = %s, headers = %s, body = %s, size_bytes = %s
    WHERE key = %s AND holder = %s AND status IS NULL RETURNING caller"""
REPLIES_OF = """
    SELECT key, size_bytes FROM ours.begun WHERE caller = %s AND status IS NOT NULL
    ORDER BY begun_at DESC, key DESC"""
_FORGET = "DELETE FROM ours.begun WHERE key = ANY(%s::text[]) AND status IS NOT NULL"
_ABANDON = "DELETE FROM ours.begun WHERE key = %s AND holder = %s AND status IS NULL"


def begin(session: Session, key: str, new: Begun) -> KeptReply | None:
    """Begin what a key stands for, or give the reply that was given; see `lookalike.ledger.base.Ledger.begin`."""
    stored = key_text(key)
    values = (key_text(new.caller), new.body_hash, new.holder, new.begun_at, new.expires_at)
    while not session.change(_BEGIN, (stored, *values)):
        row = session.first(_FIND, (stored,))
        if row is None:
            continue  # it was forgotten in between
        reply = reply_again(begun_of_row(row), body_hash=new.body_hash, now=new.begun_at)
        if reply is None:
            session.change(_BEGIN_ANEW, (*values, stored))
        return reply
    return None


def renew(session: Session, key: str, *, holder: str, given_time: float | None) -> None:
    """Say that what was begun goes on, at a time that is given, or the server's."""
    session.change(_RENEW, (given_time, key_text(key), holder))


def finish(session: Session, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None) -> None:
    """Keep the reply of what was begun; see `lookalike.ledger.base.Ledger.finish`.

    Of a caller who finishes several at the same moment more than the quota may stay, until the next one.
    """
    values = (reply.status, headers_json(reply.headers), reply.body, reply_bytes(reply), key_text(key), holder)
    kept = session.first(_FINISH, values)
    if kept is None or quota is None:
        return
    replies = [(str(one), int(size_bytes)) for one, size_bytes in session.rows(REPLIES_OF, (kept[0],))]
    if gone := too_many(replies, quota):
        session.change(_FORGET, (gone,))


def abandon(session: Session, key: str, *, holder: str) -> None:
    """Forget what was begun, so that it may be tried again."""
    session.change(_ABANDON, (key_text(key), holder))
