"""Tickets: a browser's WebSocket cannot send `Authorization`, so it shows what it was given a moment ago, once."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lookalike.core.errors import NotAuthenticated
from lookalike.ledger.base import Ledger
from lookalike.service.access.principal import Principal

VALID_S = 30.0

_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """For one connection.

    Attributes:
        ticket: 32 random bytes, base64url.
        expires_at: Unix time in seconds.
    """

    ticket: str = field(repr=False)
    expires_at: float


class Tickets:
    """Gives tickets and takes them. Safe to use from many threads; each call waits for the ledger.

    Args:
        ledger: keeps the SHA-256 of each, nothing else of it.
        now: Unix time in seconds.
    """

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger, self._now = ledger, now

    def issue(self, principal: Principal) -> Ticket:
        """A ticket that stands for who asks, for 30 seconds."""
        ticket = Ticket(secrets.token_urlsafe(32), self._now() + VALID_S)
        self._ledger.put_ticket(_digest(ticket.ticket), principal=principal.to_json(), expires_at=ticket.expires_at)
        return ticket

    def redeem(self, ticket: str) -> Principal:
        """For whom a ticket stands; that uses it up.

        Raises:
            NotAuthenticated: when there is none such, any more.
        """
        if not _TICKET.fullmatch(ticket):
            raise NotAuthenticated("the ticket is not accepted; fetch a new one from `POST /v1/tickets`")
        kept = self._ledger.take_ticket(_digest(ticket), now=self._now())
        if kept is None:
            raise NotAuthenticated(
                "the ticket is not accepted, for each is for one connection, within 30 s; fetch a new one from "
                "`POST /v1/tickets`"
            )
        return Principal.from_json(kept)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("ascii")).hexdigest()
