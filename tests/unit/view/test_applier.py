"""One applier feeds a remote index and swaps its versions; whatever fails, the next round goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import LeaseLost, ServiceDown
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import normalise
from lookalike.index.projection import LEAST_TO_LEARN
from lookalike.view.applier import LEASE, Applier, Outcome, Round
from lookalike.view.exact_scan import scan
from lookalike.view.projections import projection_of
from lookalike.view.wish import Wish
from tests.clock import Clock
from tests.contract.catalog_engines import new_catalog
from tests.remote.remote_index import Fault, IndexServer
from tests.unit.view.test_view import MODEL, QUERIES, D, image_id, put, remove, vector

FEW, MANY, K = 40, LEAST_TO_LEARN + 20, 8
LASTS_S = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(clock: Clock) -> Catalog:
    made = MemoryCatalog(clock=clock)
    made.claim_model(MODEL, D)
    return made


@pytest.fixture
def server() -> IndexServer:
    return IndexServer()


def applier(catalog: Catalog, server: IndexServer, clock: Clock, holder: str = "a", **options: Any) -> Applier:
    return Applier(
        catalog, server, wish=Wish(**options), holder=holder, lasts_s=LASTS_S, most_at_once=7, monotonic=clock
    )


def outcomes(rounds: Iterable[Round]) -> list[Outcome]:
    return [one.outcome for one in rounds]


def run_to_the_end(one: Applier, *, most: int = 30) -> list[Round | str]:
    """Rounds until the index has taken in everything, as a process does that tries again."""
    rounds: list[Round | str] = []
    for _ in range(most):
        try:
            rounds.append(one.run())
        except (ServiceDown, LeaseLost) as error:
            rounds.append(type(error).__name__)
        last = rounds[-1]
        if isinstance(last, Round) and last.outcome is Outcome.FOLLOWED:
            return rounds
    raise AssertionError(f"not done after {most} rounds: {rounds}")


def assert_in_step(server: IndexServer, catalog: Catalog) -> None:
    """The version that is searched answers as a scan of the catalog by the newest projection, and holds as many."""
    serving = server.serving()
    assert serving is not None
    stored = catalog.projection()
    assert serving.projection_version == (0 if stored is None else stored.version)
    assert (serving.count, serving.applied) == (catalog.facts().images, catalog.cursor())
    projection = None if stored is None else projection_of(stored)
    queries = normalise(QUERIES if projection is None else projection.apply(normalise(QUERIES)))
    found, truth = server.at(serving.name).search(queries, K), scan(catalog, projection, queries, K)
    assert found.keys.tolist() == truth.keys.tolist()
    np.testing.assert_allclose(found.similarities, truth.similarities, atol=1e-6)


# All is well


def test_the_first_round_makes_a_version_and_swaps_it_in(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(MANY))
    done = applier(catalog, server, clock).run()
    assert (done.outcome, done.changes) == (Outcome.SWAPPED, MANY)
    assert_in_step(server, catalog)


def test_what_changes_is_taken_in_by_batches_and_the_cursor_comes_last(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(FEW))
    one = applier(catalog, server, clock)
    one.run()
    put(catalog, range(FEW, FEW + 20))
    remove(catalog, range(5))
    put(catalog, [10], vectors=vector("another")[None])

    done = one.run()

    assert (done.outcome, done.changes) == (Outcome.FOLLOWED, 26)
    assert server.asked["apply"] > 26 // 7
    assert_in_step(server, catalog)


def test_a_label_costs_the_index_no_vector(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(FEW))
    one = applier(catalog, server, clock)
    one.run()
    with catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(3): {"label": "cat"}})

    assert one.run().changes == 0
    assert_in_step(server, catalog)


def test_an_empty_collection_has_an_empty_version(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    assert applier(catalog, server, clock).run().outcome is Outcome.SWAPPED
    assert_in_step(server, catalog)


def test_a_new_projection_is_a_new_version_beside_the_old_one_which_answers_meanwhile(
    catalog: Catalog, server: IndexServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    first = one.run().serving
    put(catalog, range(MANY, 2 * MANY))
    searched: list[str] = []
    real = server.apply

    def searching_beside(name: str, *args: Any, **options: Any) -> None:
        real(name, *args, **options)
        serving = server.serving()
        assert serving is not None
        searched.append(serving.name)
        assert (server.at(serving.name).search(np.eye(1, serving.dimension, dtype=np.float32), K).keys >= 0).all()

    monkeypatch.setattr(server, "apply", searching_beside)
    done = one.run()

    assert (done.outcome, set(searched)) == (Outcome.SWAPPED, {first})
    assert done.compared is not None
    assert done.compared.recall == 1
    assert_in_step(server, catalog)
    assert catalog.projection_version() == 2


def test_the_version_before_stays_for_two_rounds_for_searches_that_have_begun(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    first = one.run().serving
    put(catalog, range(MANY, 2 * MANY))
    second = one.run().serving
    assert set(server.versions()) == {first, second}
    assert (one.run().outcome, set(server.versions())) == (Outcome.FOLLOWED, {first, second})
    assert (one.run().outcome, set(server.versions())) == (Outcome.FOLLOWED, {second})


def test_without_a_projection_raw_vectors_are_held(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(MANY))
    applier(catalog, server, clock, projecting="off").run()
    assert_in_step(server, catalog)
    serving = server.serving()
    assert serving is not None
    assert (serving.projection_version, serving.dimension) == (0, D)


@pytest.mark.parametrize("engine", ["sqlite", "remote"])
def test_it_is_so_over_every_catalog(tmp_path: Path, server: IndexServer, clock: Clock, engine: str) -> None:
    catalog = new_catalog(engine, tmp_path / "catalog.db", clock=clock)
    catalog.claim_model(MODEL, D)
    put(catalog, range(MANY))
    first, second = applier(catalog, server, clock), applier(catalog, server, clock, "b")
    server.fail("swap", Fault.UNANSWERED)
    run_to_the_end(first)
    put(catalog, range(MANY, 2 * MANY))
    remove(catalog, range(20))
    assert second.run().outcome is Outcome.WAITING
    clock.now += LASTS_S
    server.fail("apply", Fault.LOST)
    run_to_the_end(second)
    assert first.run().outcome is Outcome.WAITING
    assert_in_step(server, catalog)
    catalog.close()


# An engine that fails


FAULTS = [Fault.LOST, Fault.UNANSWERED, Fault.LATE, Fault.TWICE]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("what", ["claim", "create", "apply", "swap", "drop", "serving", "versions", "search"])
def test_whatever_gets_no_answer_the_next_rounds_come_to_the_same(
    catalog: Catalog, server: IndexServer, clock: Clock, what: str, fault: Fault
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    server.fail(what, fault)
    run_to_the_end(one)
    server.deliver_late()
    put(catalog, range(MANY, 2 * MANY))
    server.fail(what, fault, fault)
    run_to_the_end(one)
    server.deliver_late()
    for _ in range(3):
        run_to_the_end(one)

    assert_in_step(server, catalog)
    assert len(server.versions()) == 1


def test_a_swap_that_times_out_after_it_was_done_is_found_done(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    server.fail("swap", Fault.UNANSWERED)
    with pytest.raises(ServiceDown):
        one.run()
    assert one.run().outcome is Outcome.FOLLOWED
    assert_in_step(server, catalog)
    assert len(server.versions()) == 1


def test_a_swap_that_only_some_machines_have_made_is_asked_for_again_and_nothing_is_dropped(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    first = one.run().serving
    put(catalog, range(MANY, 2 * MANY))
    server.fail("swap", Fault.HALF)

    done = one.run()

    assert (done.outcome, done.serving) == (Outcome.UNCONFIRMED, first)
    assert len(server.versions()) == 2
    run_to_the_end(one)
    for _ in range(2):  # whichever machine is asked
        assert_in_step(server, catalog)


def test_a_fill_that_was_cut_off_goes_on_where_it_was(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    batches = 10
    server.fail("apply", *[Fault.TWICE] * batches, Fault.LOST)
    with pytest.raises(ServiceDown):
        one.run()

    done = applier(catalog, server, clock).run()

    assert done.outcome is Outcome.SWAPPED
    assert done.changes == MANY - 7 * batches
    assert_in_step(server, catalog)


def test_a_next_version_that_finds_too_little_is_dropped_and_the_one_before_goes_on(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(MANY))
    one = applier(catalog, server, clock)
    first = one.run().serving
    put(catalog, range(MANY, 2 * MANY))
    server.is_blind = lambda key: key % 2 == 0

    done = one.run()

    assert (done.outcome, done.serving, set(server.versions())) == (Outcome.REFUSED, first, {first})
    assert done.compared is not None
    assert done.compared.recall < 0.7
    server.is_blind = lambda _: False
    run_to_the_end(one)
    assert_in_step(server, catalog)


# Two appliers, and a lease that ends


def test_who_has_no_lease_waits_and_writes_nothing(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(FEW))
    first, second = applier(catalog, server, clock), applier(catalog, server, clock, "b")
    first.run()
    before = dict(server.asked)

    assert second.run() == Round(outcome=Outcome.WAITING)

    assert dict(server.asked) == before


def test_who_lets_the_lease_go_makes_way_at_once(catalog: Catalog, server: IndexServer, clock: Clock) -> None:
    put(catalog, range(FEW))
    first, second = applier(catalog, server, clock), applier(catalog, server, clock, "b")
    first.run()
    first.close()
    first.close()
    assert second.run().outcome is Outcome.FOLLOWED
    lease = catalog.lease(LEASE)
    assert lease is not None
    assert (lease.holder, lease.fence) == ("b", 2)


def test_who_has_lost_the_lease_unnoticed_is_refused_by_its_fence(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    """The first goes on by a clock that stands still, as a process does that was stopped for a while."""
    put(catalog, range(FEW))
    still = Clock()
    first = Applier(catalog, server, wish=Wish(), holder="a", lasts_s=LASTS_S, most_at_once=7, monotonic=still)
    second = applier(catalog, server, clock, "b")
    first.run()
    put(catalog, range(FEW, FEW + 10))
    overtaken = _Overtaking(server, lambda: (clock_on(clock, LASTS_S), second.run()))
    first._index = overtaken  # type: ignore[assignment]

    with pytest.raises(LeaseLost):
        first.run()

    assert server.refused == [1]
    assert_in_step(server, catalog)


class _Overtaking:
    """Before the first batch comes there, something happens."""

    def __init__(self, server: IndexServer, first: Callable[[], Any]) -> None:
        self._server, self._first = server, [first]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def apply(self, *args: Any, **options: Any) -> None:
        while self._first:
            self._first.pop()()
        self._server.apply(*args, **options)


def clock_on(clock: Clock, seconds: float) -> None:
    clock.now += seconds


def test_a_batch_of_an_ended_lease_that_arrives_late_is_refused(
    catalog: Catalog, server: IndexServer, clock: Clock
) -> None:
    put(catalog, range(FEW))
    first, second = applier(catalog, server, clock), applier(catalog, server, clock, "b")
    first.run()
    put(catalog, [3], vectors=vector("outdated")[None])
    server.fail("apply", Fault.LATE)
    with pytest.raises(ServiceDown):
        first.run()
    put(catalog, [3], vectors=vector("newer")[None])
    clock.now += LASTS_S
    run_to_the_end(second)

    server.deliver_late()

    assert server.refused == [1]
    assert_in_step(server, catalog)


def test_a_long_fill_has_its_lease_longer_and_one_that_cannot_stops(
    catalog: Catalog, server: IndexServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY))
    one, other = applier(catalog, server, clock), applier(catalog, server, clock, "b")
    real = server.apply

    def slow(*args: Any, **options: Any) -> None:
        real(*args, **options)
        clock.now += LASTS_S / 3
        assert other.run().outcome is Outcome.WAITING

    monkeypatch.setattr(server, "apply", slow)
    assert one.run().outcome is Outcome.SWAPPED

    def stopped(*args: Any, **options: Any) -> None:
        real(*args, **options)
        clock.now += LASTS_S
        with catalog.transaction() as transaction:
            transaction.take_lease(LEASE, "c", lasts_s=LASTS_S)

    put(catalog, range(1000, 1050))
    monkeypatch.setattr(server, "apply", stopped)
    with pytest.raises(LeaseLost, match="with another process"):
        one.run()


# A cursor of another history


def test_an_index_of_another_history_is_made_anew_beside_and_swapped(server: IndexServer, clock: Clock) -> None:
    before, after = (MemoryCatalog(clock=clock) for _ in range(2))
    for catalog, names in ((before, range(FEW)), (after, range(100, 100 + FEW + 3))):
        catalog.claim_model(MODEL, D)
        put(catalog, names)
    applier(before, server, clock).run()

    done = applier(after, server, clock, "b")
    clock.now += LASTS_S
    with after.transaction() as transaction:  # a catalog that was put back has leases of before, too
        transaction.take_lease(LEASE, "somebody", lasts_s=1)
    clock.now += 1
    assert done.run().outcome is Outcome.SWAPPED
    assert_in_step(server, after)


def test_a_sequence_of_random_changes_and_faults_ends_in_step(server: IndexServer, clock: Clock) -> None:
    rng = np.random.default_rng(4)
    catalog = MemoryCatalog(clock=clock)
    catalog.claim_model(MODEL, D)
    appliers = [applier(catalog, server, clock, holder) for holder in "ab"]
    for step in range(25):
        names = rng.choice(2 * MANY, 30, replace=False).tolist()
        put(catalog, names, vectors=np.array([vector((name, step)) for name in names]))
        remove(catalog, rng.choice(2 * MANY, 10, replace=False).tolist())
        for what in ("apply", "swap", "create", "serving"):
            if rng.random() < 0.3:
                server.fail(what, FAULTS[rng.integers(len(FAULTS))])
        clock.now += float(rng.choice([1, LASTS_S]))
        for one in appliers:
            try:
                one.run()
            except (ServiceDown, LeaseLost):
                continue
        if rng.random() < 0.3:
            server.deliver_late()
    server.deliver_late()
    server.faults.clear()
    clock.now += LASTS_S
    for _ in range(3):
        run_to_the_end(appliers[0])
    assert_in_step(server, catalog)


def test_more_pictures_than_a_page_are_taken_in(server: IndexServer, clock: Clock) -> None:
    catalog = MemoryCatalog(clock=clock)
    catalog.claim_model(MODEL, D)
    rows = np.random.default_rng(1).standard_normal((500, D)).astype(np.float16)
    with catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(image_id(n), 1, 1, "png", 1) for n in range(500)], rows)
    assert applier(catalog, server, clock).run().changes == 500
    assert_in_step(server, catalog)
