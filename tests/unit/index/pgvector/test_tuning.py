"""A large version is searched by a graph as exactly as was wished, and compared as a whole where that is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lookalike.core.filters import Filter
from lookalike.core.records import START, ImageRecord
from lookalike.core.vectors import normalise
from lookalike.index.pgvector import tuning, version
from lookalike.index.pgvector.versions import Point, Tuned
from lookalike.index.remote import Batch, RemoteIndex

N, D, K, FEW = 3_000, 16, 10, 300


def rows_of(count: int, *, seed: int = 0) -> Any:
    return normalise(np.random.default_rng(seed).standard_normal((count, D)).astype(np.float32))


ROWS, QUERIES = rows_of(N), rows_of(20, seed=1)


def picture(n: int) -> ImageRecord:
    return ImageRecord(f"{n:064x}", n + 1, 1, "png", 1, metadata={"tenth": n % 10})


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "GRAPH_FROM", 1_000)
    monkeypatch.setattr(version, "FEW", FEW)


@pytest.fixture
def index(new_pgvector: Callable[[], RemoteIndex]) -> RemoteIndex:
    made = new_pgvector()
    made.create("a", projection_version=0, dimension=D, fence=1)
    put(made, range(N), ROWS)
    return made


def put(index: RemoteIndex, keys: Any, rows: Any) -> None:
    pictures = {int(n): picture(int(n)) for n in keys}
    batch = Batch(np.array(keys, np.int64), rows, np.empty(0, np.int64), pictures)
    index.apply("a", batch, cursor=START, fence=1)


def recall_of(found: Any, rows: Any = ROWS, *, allowed: Any = None) -> float:
    similarities = QUERIES @ rows.T
    if allowed is not None:
        similarities[:, ~np.isin(np.arange(len(rows)), allowed)] = -2
    truth = np.argsort(-similarities, axis=1)[:, :K]
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found.keys.tolist(), truth.tolist(), strict=True)]))


def test_until_it_is_tuned_all_vectors_are_compared(index: RemoteIndex) -> None:
    found = index.at("a").search(QUERIES, K)
    assert (found.exact, found.scanned, index.at("a").recall, index.at("a").parameters) == (True, N, 1.0, {})
    assert recall_of(found) > 0.98  # halves tell some neighbours not apart


def test_then_its_graph_finds_what_was_wished_and_says_so(index: RemoteIndex) -> None:
    index.tune("a", recall=0.95, fence=1)
    tuned = index.at("a")
    found = tuned.search(QUERIES, K)
    assert (found.exact, found.plan[:5]) == (False, "graph")
    assert 0.95 <= tuned.recall < 1  # also where the sample missed nothing
    assert recall_of(found) > 0.9
    assert [set(point) for point in tuned.parameters["points"]] == [{"ef", "recall"}] * len(tuned.parameters["points"])


def test_the_cheapest_way_that_is_good_enough_is_taken_and_the_best_where_none_is() -> None:
    tuned = Tuned((Point(20, 0.8), Point(40, 0.93), Point(80, 0.97)), vectors=N, wanted=0.9)
    taken = [tuned.point_for(recall) for recall in (None, 0.5, 0.8, 0.95, 0.99, 1.0)]
    assert [point and point.ef for point in taken] == [40, 20, 20, 80, 80, None]
    assert Tuned().point_for(0.5) is None


def test_who_wants_all_has_all_compared(index: RemoteIndex) -> None:
    index.tune("a", recall=0.9, fence=1)
    everything = index.at("a").search(QUERIES, K, recall=1.0)
    assert (everything.exact, everything.scanned) == (True, N)


def test_more_than_a_search_keeps_are_answered_all_the_same(index: RemoteIndex) -> None:
    index.tune("a", recall=0.9, fence=1)
    found = index.at("a").search(QUERIES[:2], N + 5)
    assert (np.sort(found.keys[:, :N]) == np.arange(N)).all()
    assert (found.keys[:, N:] == -1).all()


@pytest.mark.parametrize("where", ["tenth = 3", "tenth in (3, 4, 5, 6, 7)", "width < 41", "width > 9999"])
def test_a_filter_gives_k_whether_many_pass_or_few(index: RemoteIndex, where: str) -> None:
    index.tune("a", recall=0.95, fence=1)
    among = Filter.parse(where)
    passing = [n for n in range(N) if among.matches(picture(n), None)]
    found = index.at("a").search(QUERIES, K, among=among)
    assert found.exact == (len(passing) <= FEW)
    assert set(found.keys.ravel().tolist()) - {-1} <= set(passing)
    assert ((found.keys >= 0).sum(axis=1) == min(K, len(passing))).all()
    if passing:
        assert recall_of(found, allowed=passing) > 0.9


def test_keys_give_k_whether_they_are_many_or_few(index: RemoteIndex) -> None:
    index.tune("a", recall=0.95, fence=1)
    for keys in (np.arange(0, N, 2), np.arange(0, N, 100)):
        found = index.at("a").search(QUERIES, K, among=keys)
        assert found.exact == (len(keys) <= FEW)
        assert np.isin(found.keys, keys).all()
        assert recall_of(found, allowed=keys) > 0.9


def test_what_comes_and_goes_afterwards_is_found_and_not_found(index: RemoteIndex) -> None:
    index.tune("a", recall=0.95, fence=1)
    put(index, [N], QUERIES[:1])
    index.apply("a", Batch(np.empty(0, np.int64), np.empty((0, D), np.float32), np.array([5])), cursor=START, fence=1)
    assert index.at("a").search(QUERIES[:1], K).keys[0, 0] == N
    assert 5 not in index.at("a").search(ROWS[5:6], K).keys


def test_it_is_tuned_again_once_it_has_doubled_or_another_recall_is_wished(
    index: RemoteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []
    real = tuning.measure

    def counting(*given: Any, **named: Any) -> Any:
        measured.append(named["wanted"])
        return real(*given, **named)

    monkeypatch.setattr("lookalike.index.pgvector.index.measure", counting)
    for _ in range(2):
        index.tune("a", recall=0.9, fence=1)
    assert measured == [0.9]
    index.tune("a", recall=0.95, fence=1)
    assert measured == [0.9, 0.95]
    put(index, range(N, 2 * N), rows_of(N, seed=2))
    index.tune("a", recall=0.95, fence=1)
    assert measured == [0.9, 0.95, 0.95]


def test_an_exact_search_wished_for_good_needs_no_graph(index: RemoteIndex) -> None:
    index.tune("a", recall=1.0, fence=1)
    assert index.at("a").parameters == {}
