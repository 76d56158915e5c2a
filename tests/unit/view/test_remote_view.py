"""Searches of an index elsewhere know what the catalog holds, whatever becomes of it, and never mix projections."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadQuery, DimensionMismatch, Interrupted, Locked, LookalikeError, ServiceDown
from lookalike.core.filters import Filter
from lookalike.core.records import START, ChangeKind, Neighbours
from lookalike.view import remote_state
from lookalike.view.applier import LEASE, Applier, Outcome
from lookalike.view.feeding import Feeder
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.remote_view import RemoteView
from lookalike.view.wish import Wish
from tests.clock import Clock
from tests.remote.remote_index import Fault, IndexServer, ServedVersion
from tests.unit.view.test_applier import FEW, MANY
from tests.unit.view.test_view import MODEL, QUERIES, D, image_id, opened, put, remove, vector
from tests.waiting import eventually

K = 8


@pytest.fixture
def catalog() -> MemoryCatalog:
    made = MemoryCatalog()
    made.claim_model(MODEL, D)
    return made


@pytest.fixture
def server() -> IndexServer:
    return IndexServer()


def feed(catalog: MemoryCatalog, server: IndexServer) -> Applier:
    return Applier(catalog, server, wish=Wish(), holder="a")


def searching(catalog: MemoryCatalog, server: IndexServer, *, clock: Clock | None = None) -> RemoteView:
    return RemoteView(catalog, server, wish=Wish(), monotonic=clock or Clock())


def assert_same(found: Neighbours, expected: Neighbours) -> None:
    assert found.keys.tolist() == expected.keys.tolist()
    np.testing.assert_allclose(found.similarities, expected.similarities, atol=2e-6)


@pytest.mark.parametrize("count", [0, FEW, MANY])
@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1]])
def test_answers_are_those_of_an_index_in_this_process(
    catalog: MemoryCatalog, server: IndexServer, count: int, queries: Any
) -> None:
    if count:
        put(catalog, range(count))
    feed(catalog, server).run()
    here = opened(catalog, None)

    found = searching(catalog, server).search(queries, K)

    assert_same(found, here.search(queries, K))
    assert server.asked["search"] > 0


def test_before_there_is_a_version_all_of_the_catalog_is_compared(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(MANY))
    here = opened(catalog, None)

    found = searching(catalog, server).search(QUERIES, K)

    assert_same(found, here.search(QUERIES, K))
    assert (found.exact, found.scanned, server.asked["search"]) == (True, MANY, 0)


def test_only_what_is_among_is_answered(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    few = np.array([3, 5, 8, 13, 21], np.int64)
    search = searching(catalog, server)
    for is_fed in (False, True):
        if is_fed:
            feed(catalog, server).run()
            search = searching(catalog, server)
        assert set(search.search(QUERIES, K, among=few).keys.ravel().tolist()) == {-1, *few.tolist()}
        assert (search.search(QUERIES, K, among=Filter.parse("width = 640")).keys >= 0).all()
        assert (search.search(QUERIES, K, among=Filter.parse("width = 1")).keys == -1).all()


def test_a_search_goes_on_while_a_version_is_swapped_and_dropped(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(MANY))
    one, search = feed(catalog, server), searching(catalog, server)
    one.run()
    search.search(QUERIES, K)
    put(catalog, range(MANY, 2 * MANY))
    assert one.run().outcome is Outcome.SWAPPED
    expected = opened(catalog, None).search(QUERIES, K)

    old = search.search(QUERIES, K)  # by the version that it knows, with the projection of that version
    one.run()
    one.run()  # which drops it
    new = search.search(QUERIES, K)

    assert (old.keys >= 0).all()
    assert_same(new, expected)


def test_which_version_is_searched_is_asked_now_and_then(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    feed(catalog, server).run()
    clock = Clock()
    search = searching(catalog, server, clock=clock)
    before = server.asked["serving"]
    for _ in range(5):
        search.refresh()
        search.search(QUERIES, K)
    assert server.asked["serving"] == before + 1
    clock.now += 2
    search.refresh()
    search.search(QUERIES, K)
    assert server.asked["serving"] == before + 2


def test_what_was_removed_and_is_still_in_the_index_is_not_answered(
    catalog: MemoryCatalog, server: IndexServer
) -> None:
    put(catalog, range(FEW))
    feed(catalog, server).run()
    query = vector(7)[None].astype(np.float32)
    assert searching(catalog, server).search(query, K).keys[0, 0] == 8
    remove(catalog, [7])

    found = searching(catalog, server).search(query, K)

    assert 8 not in found.keys
    assert (found.keys >= 0).all()


def test_an_index_of_another_history_is_not_asked_for_its_keys_stand_for_other_pictures(server: IndexServer) -> None:
    before, after = MemoryCatalog(), MemoryCatalog()
    for catalog, names in ((before, range(FEW)), (after, range(500, 500 + FEW))):
        catalog.claim_model(MODEL, D)
        put(catalog, names)
    feed(before, server).run()

    found = searching(after, server).search(QUERIES, K)

    assert_same(found, opened(after, None).search(QUERIES, K))
    assert found.scanned == FEW


def test_a_server_that_does_not_answer_is_told(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    feed(catalog, server).run()
    server.fail("search", Fault.LOST)
    with pytest.raises(ServiceDown):
        searching(catalog, server).search(QUERIES, K)


def test_what_no_index_can_answer_is_refused(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    for is_fed in (False, True):
        if is_fed:
            feed(catalog, server).run()
        search = searching(catalog, server)
        with pytest.raises(BadQuery):
            search.search(QUERIES, 0)
        with pytest.raises(DimensionMismatch):
            search.search(QUERIES[:, 1:], K)


# What the index has not taken in yet


@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1]])
@pytest.mark.parametrize("count", [FEW, MANY])
def test_what_came_went_and_changed_since_it_was_fed_is_answered_as_it_is(
    catalog: MemoryCatalog, server: IndexServer, count: int, queries: Any
) -> None:
    put(catalog, range(count))
    feed(catalog, server).run()
    view = searching(catalog, server)
    view.refresh()
    put(catalog, range(count, count + 9))
    remove(catalog, range(0, count, 3))
    put(catalog, [4], vectors=queries[:1])
    view.refresh()

    found = view.search(queries, K)

    assert_same(found, opened(catalog, None).search(queries, K))
    assert server.asked["search"] > 0
    facts = view.facts().elsewhere
    assert facts is not None
    assert facts.behind == 9 + len(range(0, count, 3)) + 1
    feed(catalog, server).run()
    assert_same(searching(catalog, server).search(queries, K), found)


def test_however_many_of_the_nearest_are_gone_k_are_answered(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(MANY))
    feed(catalog, server).run()
    view = searching(catalog, server)
    nearest = view.search(QUERIES[:1], MANY).keys[0].tolist()
    gone = catalog.ids(nearest[: MANY - K])
    with catalog.transaction() as transaction:
        transaction.remove_images(list(gone.values()))
    view.refresh()
    assert view.search(QUERIES[:1], K).keys[0].tolist() == nearest[MANY - K :]


def test_who_asks_is_told_a_filter_s_pictures_as_they_are_labelled_now(catalog: MemoryCatalog) -> None:
    server = IndexServer(takes_filters=True)
    put(catalog, range(FEW))
    feed(catalog, server).run()
    view = searching(catalog, server)
    view.refresh()
    label(catalog, 3)
    view.refresh()
    where = Filter.parse("label = cat")
    assert view.takes_filters
    assert view.search(QUERIES[:1], K, among=where).keys[0].tolist()[:2] == [4, -1]
    feed(catalog, server).run()
    view = searching(catalog, server)
    assert view.search(QUERIES[:1], K, among=where).keys[0].tolist()[:2] == [4, -1]
    assert server.filters == [where] * len(server.filters) != []


def test_a_filter_about_files_is_asked_of_the_catalog_alone(catalog: MemoryCatalog) -> None:
    server = IndexServer(takes_filters=True)
    put(catalog, range(FEW))
    feed(catalog, server).run()
    found = searching(catalog, server).search(QUERIES[:1], K, among=Filter.parse("path not exists"))
    assert (found.keys >= 0).all()
    assert server.filters == []


def label(catalog: MemoryCatalog, name: int) -> None:
    with catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(name): {"label": "cat"}})


def test_far_behind_the_newest_are_missing_what_is_gone_is_not_answered_and_k_are(
    catalog: MemoryCatalog, server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_state, "extend", partial(remote_state.extend, most=3))
    put(catalog, range(FEW))
    feed(catalog, server).run()
    view = searching(catalog, server)
    view.refresh()
    for n in range(FEW, FEW + 30):
        put(catalog, [n])
    remove(catalog, range(FEW - K + 2))
    there = {one.key for one in catalog.changes(START).changes if one.kind is ChangeKind.VECTOR}

    assert not view.refresh()
    found = view.search(QUERIES[:1], K)

    assert set(found.keys[0].tolist()) <= there
    everything = view.search(QUERIES[:1], FEW + 30)
    assert set(everything.keys[0].tolist()) - {-1} == there
    few = np.array(sorted(there)[-K:], np.int64)
    assert set(view.search(QUERIES[:1], K - 1, among=few).keys[0].tolist()) <= set(few.tolist())


# Feeding


def fed_view(catalog: MemoryCatalog, server: IndexServer, **options: Any) -> RemoteView:
    feeder = Feeder(Applier(catalog, server, wish=Wish()), every_s=0.01)
    return RemoteView(catalog, server, wish=Wish(), feeder=feeder, fresh_s=0.0, **options)


def count_of(server: IndexServer) -> int | None:
    serving = server.serving()
    return None if serving is None else serving.count


def elsewhere(view: RemoteView) -> Any:
    view.refresh()
    return view.facts().elsewhere


def test_a_feeder_follows_beside_searches_until_it_is_closed_and_lets_the_lease_go(
    catalog: MemoryCatalog, server: IndexServer
) -> None:
    feeder = Feeder(Applier(catalog, server, wish=Wish(), holder="a"), every_s=0.01)
    view = RemoteView(catalog, server, wish=Wish(), feeder=feeder, fresh_s=0.0)
    feeder.begin()
    feeder.begin()
    put(catalog, range(MANY))
    eventually(lambda: elsewhere(view).version is not None and elsewhere(view).behind == 0)
    put(catalog, range(MANY, MANY + 5))
    eventually(lambda: count_of(server) == MANY + 5)
    view.close()
    view.close()
    assert "lookalike-feeder" not in [thread.name for thread in threading.enumerate()]
    put(catalog, [1000])
    other = Applier(catalog, server, wish=Wish(), holder="b")
    assert other.run().outcome is not Outcome.WAITING
    with pytest.raises(Interrupted):
        feeder.feed()


def test_what_an_engine_takes_long_for_is_not_waited_for_at_the_end(
    catalog: MemoryCatalog, server: IndexServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lookalike.view.feeding.DRAIN_S", 0.01)
    begun, done = threading.Event(), threading.Event()

    def tune(name: str, *, recall: float, fence: int) -> None:
        begun.set()
        done.wait()

    monkeypatch.setattr(server, "tune", tune)
    put(catalog, range(FEW))
    feeder = Feeder(Applier(catalog, server, wish=Wish()), every_s=0.01)
    feeder.begin()
    begun.wait()
    feeder.close()
    assert "not waited for" in caplog.text
    done.set()
    eventually(lambda: "lookalike-feeder" not in [thread.name for thread in threading.enumerate()])
    assert server.serving() is None


def test_a_collection_without_a_model_is_not_fed_and_searched_for_nothing(server: IndexServer) -> None:
    empty = MemoryCatalog()
    view = fed_view(empty, server)
    view.settle()
    assert server.versions() == {}
    assert elsewhere(view).version is None


def test_a_feeder_that_is_up_to_date_writes_nothing_to_the_catalog(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    feeder = Feeder(Applier(catalog, server, wish=Wish()))
    assert feeder.feed() is not None
    before = catalog.version()
    for _ in range(3):
        assert feeder.feed() is None
    assert catalog.version() == before


def test_what_was_dropped_of_earlier_versions_is_gone_after_one_feeding(
    catalog: MemoryCatalog, server: IndexServer
) -> None:
    put(catalog, range(FEW))
    feeder = Feeder(Applier(catalog, server, wish=Wish()))
    feeder.feed()
    put(catalog, range(FEW, MANY))
    feeder.feed()
    assert len(server.versions()) == 1


def test_a_feeder_that_fails_says_so_once_and_goes_on(
    catalog: MemoryCatalog, server: IndexServer, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog, range(FEW))
    server.fail("apply", *[Fault.LOST] * 4)
    view = fed_view(catalog, server)
    assert view._feeder is not None
    with caplog.at_level("INFO"):
        view._feeder.begin()
        eventually(lambda: server.serving() is not None and elsewhere(view).not_fed is None)
    view.close()
    told = [record.message for record in caplog.records if "elsewhere is" in record.message]
    assert len(told) == 2
    assert "no answer came" in told[0]
    assert "fed again" in told[1]


def test_after_much_was_written_who_may_feeds_at_once_and_others_do_not(
    catalog: MemoryCatalog, server: IndexServer
) -> None:
    put(catalog, range(FEW))
    searching(catalog, server).settle()
    fed_view(catalog, server, feeds_by_itself=False).settle()
    assert server.serving() is None
    fed_view(catalog, server).settle()
    assert count_of(server) == FEW


def test_an_index_that_does_not_answer_spoils_no_writing(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    view = fed_view(catalog, server)
    server.fail("create", Fault.LOST)
    view.settle()
    assert (view.search(QUERIES[:1], K).keys >= 0).all()


def test_feeding_as_housework_says_whether_something_was_done(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    view = fed_view(catalog, server, feeds_by_itself=False)
    assert [view.feed(), view.feed()] == [True, False]
    assert not searching(catalog, server).feed()


def test_rebuilding_makes_another_version_and_learns_only_when_told(
    catalog: MemoryCatalog, server: IndexServer
) -> None:
    put(catalog, range(MANY))
    view = fed_view(catalog, server)
    view.settle()
    before, found = elsewhere(view).version, view.search(QUERIES, K)
    view.rebuild()
    after = elsewhere(view).version
    assert after != before
    assert_same(view.search(QUERIES, K), found)
    assert view.facts().projection_version == 1
    view.rebuild(learn_anew=True)
    assert view.facts().projection_version == 2
    assert view.generation > 1


def test_who_does_not_feed_rebuilds_nothing_and_says_who_does(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    with pytest.raises(Locked, match="only searches"):
        searching(catalog, server).rebuild()
    feed(catalog, server).run()
    with pytest.raises(Locked, match="another process"):
        fed_view(catalog, server).rebuild()


def test_a_rebuilt_index_that_finds_too_little_is_refused_and_the_one_before_goes_on(catalog: MemoryCatalog) -> None:
    server = IndexServer()
    put(catalog, range(MANY))
    view = fed_view(catalog, server)
    view.settle()
    found = view.search(QUERIES, K)
    server.is_blind = lambda key: key % 2 == 0
    with pytest.raises(LookalikeError, match="the one before goes on"):
        view.rebuild()
    server.is_blind = lambda key: False
    assert_same(view.search(QUERIES, K), found)


def test_only_one_of_many_holds_the_lease_and_the_others_wait(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(FEW))
    views = [fed_view(catalog, server) for _ in range(3)]
    for view in views:
        view.settle()
    lease = catalog.lease(LEASE)
    assert lease is not None
    assert lease.fence == 1
    assert server.refused == []


# What is made of vectors


def test_groups_and_nearness_are_those_of_an_index_in_this_process(catalog: MemoryCatalog, server: IndexServer) -> None:
    put(catalog, range(MANY))
    put(catalog, range(MANY, MANY + 5), vectors=np.repeat(vector(3)[None], 5, axis=0))
    feed(catalog, server).run()
    here, view = opened(catalog, None), searching(catalog, server)
    keys = np.arange(1, MANY + 6)
    assert view.groups().labels(keys).tolist() == here.groups().labels(keys).tolist()
    near, expected = view.nearness(), here.nearness()
    assert near is not None
    assert expected is not None
    assert near == pytest.approx(expected, abs=1e-5)
    assert view.vectors_searched().keys.tolist() == here.vectors_searched().keys.tolist()


def test_a_share_of_approximate_answers_is_compared_with_the_exact_ones(
    catalog: MemoryCatalog, server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY))
    feed(catalog, server).run()
    monkeypatch.setattr("lookalike.view.remote_view.RecallGauge", partial(RecallGauge, share=1))
    monkeypatch.setattr(ServedVersion, "recall", 0.9)
    monkeypatch.setattr(ServedVersion, "search", half_as_good)
    view = searching(catalog, server)
    for n in range(4):
        view.search(vector(n)[None].astype(np.float32), K)
        assert view._gauge.settle(10)
    gauge = view.facts().gauge
    view.close()
    assert gauge is not None
    assert (gauge.samples, gauge.failed) == (4, 0)
    assert gauge.recall is not None
    assert gauge.recall < 1


def half_as_good(version: Any, queries: Any, k: int, *, among: Any = None, recall: float | None = None) -> Neighbours:
    found: Neighbours = version._server.search(version._name, queries, k, among, recall)
    if recall == 1.0:
        return found
    thrown = found.keys % 2 == 0
    order = np.argsort(thrown, axis=1, kind="stable")
    keys = np.take_along_axis(np.where(thrown, -1, found.keys), order, axis=1)
    values = np.take_along_axis(np.where(thrown, -np.inf, found.similarities), order, axis=1)
    return found._replace(keys=keys, similarities=values, exact=False)
