"""A ticket works once, for half a minute, and only its hash is kept."""

from __future__ import annotations

import hashlib
import re
import threading

import pytest

from lookalike.core.errors import NotAuthenticated
from lookalike.ledger.memory import MemoryLedger
from lookalike.service.access.principal import LOOPBACK, Principal, Scope
from lookalike.service.access.tickets import Tickets
from tests.unit.service.access.test_key_ring import Clock

ANN = Principal("ann", frozenset({Scope.READ}), frozenset({"photos"}), "key", key_id="00000000")


class RememberingLedger(MemoryLedger):
    """Remembers what it was given to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def put_ticket(self, digest: str, *, principal: str, expires_at: float) -> None:
        self.given += [digest, principal]
        super().put_ticket(digest, principal=principal, expires_at=expires_at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger() -> RememberingLedger:
    return RememberingLedger()


@pytest.fixture
def tickets(ledger: RememberingLedger, clock: Clock) -> Tickets:
    return Tickets(ledger, now=clock)


def test_a_ticket_works_once(tickets: Tickets) -> None:
    ticket = tickets.issue(ANN)
    assert tickets.redeem(ticket.ticket) == ANN
    with pytest.raises(NotAuthenticated):
        tickets.redeem(ticket.ticket)


def test_a_ticket_stands_for_who_asked_for_it(tickets: Tickets) -> None:
    first, second = tickets.issue(ANN), tickets.issue(LOOPBACK)
    assert tickets.redeem(second.ticket) == LOOPBACK
    assert tickets.redeem(first.ticket) == ANN


def test_a_ticket_works_for_half_a_minute(tickets: Tickets, clock: Clock) -> None:
    late, later = tickets.issue(ANN), tickets.issue(ANN)
    assert late.expires_at == clock.at + 30
    clock.at += 29.9
    assert tickets.redeem(late.ticket) == ANN
    clock.at += 0.2
    with pytest.raises(NotAuthenticated):
        tickets.redeem(later.ticket)


def test_of_many_who_show_a_ticket_at_once_one_gets_in(tickets: Tickets) -> None:
    ticket, let_in = tickets.issue(ANN).ticket, []
    start = threading.Barrier(8)

    def show() -> None:
        start.wait()
        try:
            let_in.append(tickets.redeem(ticket))
        except NotAuthenticated:
            return

    threads = [threading.Thread(target=show) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let_in == [ANN]


def test_a_ticket_is_random_fits_a_subprotocol_and_only_its_hash_is_kept(
    tickets: Tickets, ledger: RememberingLedger
) -> None:
    tokens = {tickets.issue(ANN).ticket for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
        assert hashlib.sha256(token.encode()).hexdigest() in ledger.given
        assert not any(token in given for given in ledger.given)


def test_a_ticket_is_not_shown(tickets: Tickets) -> None:
    ticket = tickets.issue(ANN)
    assert ticket.ticket not in repr(ticket)
    with pytest.raises(NotAuthenticated) as caught:
        tickets.redeem(ticket.ticket[:-1] + "!")
    assert ticket.ticket[:-1] not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "a", "a" * 42, "a" * 44, "a" * 43, "é" * 43, "' OR 1=1 --" + "a" * 32, "a" * 10**6]
)
def test_what_is_no_ticket_is_refused(tickets: Tickets, text: str) -> None:
    tickets.issue(ANN)
    with pytest.raises(NotAuthenticated):
        tickets.redeem(text)


def test_the_hash_of_a_ticket_is_no_ticket(tickets: Tickets) -> None:
    ticket = tickets.issue(ANN)
    with pytest.raises(NotAuthenticated):
        tickets.redeem(hashlib.sha256(ticket.ticket.encode()).hexdigest())
    assert tickets.redeem(ticket.ticket) == ANN
