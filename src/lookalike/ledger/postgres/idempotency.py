"""Idempotency keys and the replies to them, within a transaction that waits for others."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.jobs.postgres.tables import NOW
from lookalike.ledger.base import KeptReply, ReplyQuota
from lookalike.ledger.idempotency import ReplyRounds, reply_again, too_many
from lookalike.ledger.postgres.rows import BEGUN, begun_of_row, key_text
from lookalike.ledger.storable import headers_json, reply_bytes
from lookalike.storage.postgres.session import Session

# Of two that begin the same key, one puts the row in, for whose end the other waits.
_PUT_IN = f"""
    INSERT INTO ours.begun (key, caller, body_hash, holder, begun_at, expires_at, status, headers, body, size_bytes)
    VALUES (%s, %s, %s, %s, {NOW}, %s, %s, %s, %s, %s)
    ON CONFLICT (key) DO NOTHING RETURNING pg_current_xact_id()::text"""
_NOTHING_YET = None, None, None, 0
_FIND = f"SELECT {NOW}, {BEGUN} FROM ours.begun WHERE key = %s FOR NO KEY UPDATE"
_BEGIN_ANEW = """
    UPDATE ours.begun SET caller = %s, body_hash = %s, holder = %s, begun_at = %s, expires_at = %s,
        status = %s, headers = %s, body = %s, size_bytes = %s
    WHERE key = %s"""
_RENEW = f"UPDATE ours.begun SET begun_at = {NOW} WHERE key = %s AND holder = %s AND status IS NULL"
_FINISH = """
    UPDATE ours.begun SET status = %s, headers = %s, body = %s, size_bytes = %s
    WHERE key = %s AND holder = %s AND status IS NULL RETURNING caller, pg_current_xact_id()::text"""
REPLIES_OF = """
    SELECT key, size_bytes FROM ours.begun WHERE caller = %s AND status IS NOT NULL
    ORDER BY begun_at DESC, key DESC"""
_FORGET = "DELETE FROM ours.begun WHERE key = ANY(%s::text[]) AND status IS NOT NULL"
_ABANDON = "DELETE FROM ours.begun WHERE key = %s AND holder = %s AND status IS NULL"


class Stands(NamedTuple):
    """What a key is to stand for.

    Attributes:
        body_hash, holder, expires_at, caller: as of `lookalike.ledger.idempotency.Begun`.
        given_time: when it is begun, Unix time in seconds; now, by the server's clock, if None.
    """

    body_hash: str
    holder: str
    expires_at: float
    caller: str
    given_time: float | None


def begin(session: Session, key: str, new: Stands) -> KeptReply | None:
    """Begin what a key stands for, or give the reply that was given; see `lookalike.ledger.base.Ledger.begin`."""
    return _put_in(session, key, new, _NOTHING_YET)


def keep(
    session: Session, key: str, reply: KeptReply, new: Stands, *, quota: ReplyQuota | None, rounds: ReplyRounds
) -> KeptReply | None:
    """Keep the reply to what this transaction does; see `lookalike.ledger.base.LedgerTransaction.keep_reply`."""
    size_bytes = reply_bytes(reply)
    before = _put_in(session, key, new, (reply.status, headers_json(reply.headers), reply.body, size_bytes))
    if before is None:
        _forget_what_is_too_much(session, key_text(new.caller), size_bytes, quota, rounds)
    return before


def renew(session: Session, key: str, *, holder: str, given_time: float | None) -> None:
    """Say that what was begun goes on, at a time that is given, or the server's."""
    session.change(_RENEW, (given_time, key_text(key), holder))


def finish(
    session: Session, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None, rounds: ReplyRounds
) -> None:
    """Keep the reply of what was begun; see `lookalike.ledger.base.Ledger.finish`.

    Of a caller who finishes several at the same moment more than the quota may stay, until the next one.
    """
    size_bytes = reply_bytes(reply)
    values = (reply.status, headers_json(reply.headers), reply.body, size_bytes, key_text(key), holder)
    kept = session.first(_FINISH, values)
    if kept is not None:
        caller, xid = kept
        session.xid = int(xid)
        _forget_what_is_too_much(session, caller, size_bytes, quota, rounds)


def abandon(session: Session, key: str, *, holder: str) -> None:
    """Forget what was begun, so that it may be tried again."""
    session.change(_ABANDON, (key_text(key), holder))


def _put_in(session: Session, key: str, new: Stands, reply: tuple[object, ...]) -> KeptReply | None:
    """Put a key in with the columns of its reply; or give the reply that was given."""
    stored, caller = key_text(key), key_text(new.caller)
    values = (stored, caller, new.body_hash, new.holder, new.given_time, new.expires_at, *reply)
    while (put := session.first(_PUT_IN, values)) is None:
        row = session.first(_FIND, (new.given_time, stored))
        if row is None:
            continue  # it was forgotten in between
        now, *columns = row
        before = reply_again(begun_of_row(columns), body_hash=new.body_hash, now=now)
        if before is None:
            session.change(_BEGIN_ANEW, (caller, new.body_hash, new.holder, now, new.expires_at, *reply, stored))
        return before
    session.xid = int(put[0])
    return None


def _forget_what_is_too_much(
    session: Session, caller: str, size_bytes: int, quota: ReplyQuota | None, rounds: ReplyRounds
) -> None:
    """Of the replies of a caller of whom one more was kept, of so many bytes."""
    if quota is None or not rounds.is_due(caller, size_bytes, quota):
        return
    replies = [(str(one), int(size)) for one, size in session.rows(REPLIES_OF, (caller,))]
    if gone := too_many(replies, quota):
        session.change(_FORGET, (gone,))
