"""A lease is one holder's at a time, and its fence grows with each holder, over every engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import BadInput
from lookalike.core.lease import Lease
from tests.clock import Clock
from tests.contract.catalog_engines import ENGINES, new_catalog

LASTS_S = 30


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Catalog]:
    made = new_catalog(request.param, tmp_path / "catalog.db", clock=clock)
    yield made
    made.close()


def take(catalog: Catalog, holder: str, *, name: str = "applier", lasts_s: int = LASTS_S) -> Lease | None:
    return in_transaction(catalog, lambda transaction: transaction.take_lease(name, holder, lasts_s=lasts_s))


def taken(catalog: Catalog, holder: str, **asked: Any) -> Lease:
    lease = take(catalog, holder, **asked)
    assert lease is not None
    return lease


def test_the_first_who_asks_has_it_and_others_do_not(catalog: Catalog, clock: Clock) -> None:
    lease = taken(catalog, "a")
    assert lease == Lease(name="applier", holder="a", fence=1, ends_at=int(clock.now) + LASTS_S)
    assert take(catalog, "b") is None
    assert catalog.lease("applier") == lease
    assert catalog.lease("another") is None


def test_who_holds_it_may_hold_it_longer_with_the_same_fence(catalog: Catalog, clock: Clock) -> None:
    taken(catalog, "a")
    clock.now += LASTS_S - 1
    longer = taken(catalog, "a")
    assert (longer.fence, longer.ends_at) == (1, int(clock.now) + LASTS_S)
    clock.now += LASTS_S - 1
    assert take(catalog, "b") is None


@pytest.mark.parametrize("next_holder", ["b", "a"])
def test_once_it_has_ended_the_next_has_a_larger_fence(catalog: Catalog, clock: Clock, next_holder: str) -> None:
    taken(catalog, "a")
    clock.now += LASTS_S
    assert taken(catalog, next_holder).fence == 2


def test_who_lets_it_go_makes_way_at_once_and_the_fence_grows_on(catalog: Catalog) -> None:
    first = taken(catalog, "a")
    with catalog.transaction() as transaction:
        transaction.end_lease(first)
        transaction.end_lease(first)
    second = taken(catalog, "b")
    assert second.fence == 2
    with catalog.transaction() as transaction:
        transaction.end_lease(first)  # which is another's by now
    assert take(catalog, "c") is None


def test_leases_of_other_names_are_other_leases(catalog: Catalog) -> None:
    assert taken(catalog, "a", name="one").fence == taken(catalog, "b", name="two").fence == 1


def take_twice(transaction: Transaction) -> None:
    assert transaction.take_lease("applier", "a", lasts_s=LASTS_S)
    transaction.take_lease("", "a", lasts_s=LASTS_S)


def test_a_lease_taken_in_a_block_that_fails_was_not_taken(catalog: Catalog) -> None:
    with pytest.raises(BadInput), catalog.transaction() as transaction:
        take_twice(transaction)
    assert catalog.lease("applier") is None


def test_of_many_who_ask_at_once_one_has_it(catalog: Catalog) -> None:
    had: list[Lease | None] = []
    threads = [threading.Thread(target=lambda n=n: had.append(take(catalog, f"holder {n}"))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(had) == 8
    assert sum(one is not None for one in had) == 1


def test_a_lease_is_no_change_of_a_picture(catalog: Catalog) -> None:
    before = catalog.cursor()
    taken(catalog, "a")
    assert catalog.cursor() == before


@pytest.mark.parametrize(("name", "holder", "lasts_s"), [("", "a", 1), ("applier", "", 1), ("applier", "a", 0)])
def test_what_can_be_no_lease_is_refused(catalog: Catalog, name: str, holder: str, lasts_s: int) -> None:
    with pytest.raises(BadInput, match="expected the name of a lease"):
        take(catalog, holder, name=name, lasts_s=lasts_s)
