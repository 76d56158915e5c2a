"""What an idempotency key stands for, and what follows when it comes again: pure, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.core.errors import Conflict
from lookalike.ledger.base import KeptReply
from lookalike.ledger.storable import LEASE_S


@dataclass(frozen=True, slots=True)
class Begun:
    """What a key stands for.

    Attributes:
        body_hash: SHA-256 of the request.
        holder: who began it.
        begun_at: or renewed last; Unix time in seconds.
        expires_at: Unix time in seconds; from then on the key counts as new.
        reply: what was answered; None while it runs.
    """

    body_hash: str
    holder: str
    begun_at: float
    expires_at: float
    reply: KeptReply | None = None


def reply_again(begun: Begun | None, *, body_hash: str, now: float) -> KeptReply | None:
    """What to answer to a key that stands for `begun`; None where it is to be done.

    Raises:
        Conflict: `idempotency_mismatch`, or `idempotency_running` with the time that it counts on.
    """
    if begun is None or begun.expires_at <= now:
        return None
    if begun.reply is None and begun.begun_at <= now - LEASE_S:
        return None
    if begun.body_hash != body_hash:
        raise Conflict("this idempotency key was used for another request", code="idempotency_mismatch")
    if begun.reply is None:
        raise Conflict(
            "the first request with this idempotency key is not finished",
            code="idempotency_running",
            retry_after_s=begun.begun_at + LEASE_S - now,
        )
    return begun.reply
