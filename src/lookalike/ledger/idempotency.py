"""What an idempotency key stands for, and what follows when it comes again: pure, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from lookalike.core.errors import Conflict
from lookalike.ledger.base import KeptReply, ReplyQuota
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
        caller: by whom the reply counts.
    """

    body_hash: str
    holder: str
    begun_at: float
    expires_at: float
    reply: KeptReply | None = None
    caller: str = ""


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
        raise Conflict(
            "expected the same request for an idempotency key, but this idempotency key was used for "
            "another request; take a new one",
            code="idempotency_mismatch",
        )
    if begun.reply is None:
        raise Conflict(
            "the first request with this idempotency key is not finished; wait for it, then repeat the request",
            code="idempotency_running",
            retry_after_s=begun.begun_at + LEASE_S - now,
        )
    return begun.reply


_SHARE: Final = 32
_MOST_CALLERS: Final = 1_000


class ReplyRounds:
    """When the replies of a caller are counted: not at each one, for there may be ten thousand. Safe for many threads.

    They are when a 32nd of the quota has been taken since, so that each process lets it be exceeded by so much.
    """

    def __init__(self) -> None:
        self._mutex = Lock()
        self._since: dict[str, tuple[int, int]] = {}

    def is_due(self, caller: str, size_bytes: int, quota: ReplyQuota) -> bool:
        """Whether they are to be counted now, when one more of so many bytes is kept; always the first time."""
        with self._mutex:
            if len(self._since) >= _MOST_CALLERS and caller not in self._since:
                self._since.clear()
            replies, since_bytes = self._since.get(caller, (quota.replies, 0))
            replies, since_bytes = replies + 1, since_bytes + size_bytes
            is_due = replies * _SHARE > quota.replies or since_bytes * _SHARE > quota.size_bytes
            self._since[caller] = (0, 0) if is_due else (replies, since_bytes)
            return is_due


def too_many(kept: Iterable[tuple[str, int]], quota: ReplyQuota) -> list[str]:
    """The keys whose replies are to be forgotten, so that the rest is within a quota.

    One that is larger than the quota by itself is forgotten alone, and pushes no other out.

    Args:
        kept: the keys of one caller whose replies are kept, with their sizes in bytes; first what was begun last.
        quota: of that caller.
    """
    forgotten, replies, size_bytes = [], 0, 0
    for key, size in kept:
        if size > quota.size_bytes:
            forgotten.append(key)
            continue
        replies, size_bytes = replies + 1, size_bytes + size
        if replies > quota.replies or size_bytes > quota.size_bytes:
            forgotten.append(key)
    return forgotten
