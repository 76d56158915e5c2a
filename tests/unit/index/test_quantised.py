"""The bounds by codes hold for every pair, and are what the module's description says."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from lookalike.core.metrics import Metric
from lookalike.core.vectors import normalise
from lookalike.index.exact import ExactIndex
from lookalike.index.shortlist import product
from lookalike.index.shortlist.allowed import Allowed
from lookalike.index.shortlist.bounds import Bounds
from lookalike.index.shortlist.codes import Codes
from lookalike.index.shortlist.plain import Plain

METRICS = pytest.mark.parametrize("metric", list(Metric), ids=str)
DATA = ["nonnegative", "signed", "peaked", "far from the origin", "one direction", "of any length", "zeros", "equal"]


def vectors(kind: str, N: int, D: int, *, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((N, D))
    match kind:
        case "nonnegative":
            rows = np.abs(rows)
        case "peaked":
            rows = rows**9
        case "far from the origin":
            rows = rows + 1000
        case "one direction":
            rows = rows * 1e-5 + 1
        case "of any length":
            rows = rows * rng.lognormal(0, 3, (N, 1))
        case "zeros":
            rows[::2] = 0
        case "equal":
            rows[:] = rows[0]
    return rows.astype(np.float32)


def nearness(rows: Any, queries: Any, centre: Any, metric: Metric) -> Any:
    """As `Bounds` defines it, in float64: shape (N, Q)."""
    rows, queries = rows.astype(float), queries.astype(float)
    if metric is not Metric.L2:
        return rows @ queries.T
    distances = ((rows[:, None] - queries[None]) ** 2).sum(axis=2)
    return (((queries - centre) ** 2).sum(axis=1) - distances) / 2


def assert_nothing_is_missed(bounds: Bounds, truth: Any) -> None:
    """With the floor at a pair's own nearness, the pair is never left out."""
    N, Q = truth.shape
    for row in range(0, N, 7):
        reaching = set(bounds.reaching(0, N, truth[row]).tolist())
        for n in range(Q):
            above = np.flatnonzero(truth[:, n] >= truth[row, n]) * Q + n
            assert set(above.tolist()) <= reaching
    assert len(bounds.reaching(0, N, np.full(Q, -np.inf))) == N * Q


@METRICS
@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("D", [1, 5, 16, 100])
def test_no_pair_that_reaches_the_floor_is_missed(metric: Metric, kind: str, D: int) -> None:
    N, Q = 90, 6
    rows, queries = vectors(kind, N, D, seed=0), vectors(kind, Q, D, seed=1)
    queries[0], queries[1] = rows[0], 0
    if metric is Metric.COSINE:
        rows, queries = normalise(rows), normalise(queries)
    codes = Codes.of(rows, metric=metric)
    truth = nearness(rows, queries, codes.centre, metric)
    assert_nothing_is_missed(codes.quantise_queries(queries), truth)
    for wide in (False, True):
        assert_nothing_is_missed(Plain.of(rows, queries, metric=metric, centre=codes.centre, wide=wide), truth)


def test_the_bound_is_that_of_cauchy_and_schwarz_and_not_much_wider() -> None:
    N, Q, D = 2000, 20, 256
    rows, queries = (normalise(vectors("signed", n, D, seed=n)) for n in (N, Q))
    truth = nearness(rows, queries, None, Metric.COSINE)
    bounds = Codes.of(rows, metric=Metric.COSINE).quantise_queries(queries)
    wider = truth.max() + 0.03  # 2 * sqrt(D / 12) * (a largest coordinate of about 0.2) / 127
    assert len(bounds.reaching(0, N, np.full(Q, wider))) == 0


def test_the_order_by_codes_is_nearly_that_of_the_truth() -> None:
    N, Q, D = 500, 9, 64
    rows, queries = (vectors("signed", n, D, seed=n) for n in (N, Q))
    for metric in (Metric.INNER_PRODUCT, Metric.L2):
        codes = Codes.of(rows, metric=metric)
        truth = nearness(rows, queries, codes.centre, metric)
        order = codes.quantise_queries(queries).order(100, 300)
        for n in range(Q):
            assert np.corrcoef(order[:, n], truth[100:300, n])[0, 1] > 0.99


def test_codes_are_written_taken_and_replaced_as_if_made_at_once() -> None:
    N, D = 700, 24
    rows = vectors("signed", N, D, seed=0)
    whole = Codes.of(rows, metric=Metric.L2)
    grown = Codes.room(rows, N + 5, metric=Metric.L2)
    grown.write(rows[:300], 0)
    grown.write(rows[300:], 300)
    grown = grown.first(N)
    places = np.array([5, 600, 7])
    other = whole.replace(np.append(places, N + 3), vectors("signed", 4, D, seed=1)).replace(places, rows[places])
    for codes in (grown, other):
        assert (len(codes), codes.codes.dtype) == (N, np.uint8)
        assert (codes.codes[:N] == whole.codes).all()
        np.testing.assert_allclose(codes.weights[:N], whole.weights, rtol=1e-5)
    assert (whole.take(places).codes == whole.codes[places]).all()
    assert len(grown.take(np.arange(N) % 2 == 0)) == N // 2


def test_products_are_right_at_the_ends_of_the_codes() -> None:
    largest = product.largest_right()
    assert largest in (64, 127)
    for N, Q, D in ((1, 1, 1280), (33, 5, 7), (70, 65, 300)):
        left, right = np.full((N, D), 255, np.uint8), np.full((D, Q), -largest, np.int8)
        left[::2] = 1
        truth = (left.astype(int) - product.ZERO) @ right.astype(int)
        assert (product.products(left, right) == truth).all()


@pytest.mark.parametrize("A", [0, 1, 5, 40, 150, 399, 400])
@pytest.mark.parametrize("ordered", [True, False], ids=["keys in order", "keys in no order"])
def test_allowed_rows_are_those_of_a_loop(A: int, ordered: bool) -> None:
    N = 400
    rng = np.random.default_rng(A)
    keys = rng.permutation(10 * N)[:N]
    keys = np.sort(keys) if ordered else keys
    allowed = np.concatenate([rng.choice(keys, A, replace=False), [-1, 10**12], keys[: A // 2]])
    truth = [place for place, key in enumerate(keys) if key in set(allowed.tolist())]
    found = Allowed.of(keys, allowed)
    assert found.count == len(truth)
    for start, end in ((0, N), (0, 123), (123, N), (N, N)):
        part = found.part(start, end)
        places = np.flatnonzero(part.mask) if part.mask is not None else part.places
        assert places is not None
        assert (places + start).tolist() == [place for place in truth if start <= place < end]
        assert part.count == len(places)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.3, 0.9])
def test_an_index_with_codes_answers_as_one_without(share: float) -> None:
    N, Q, D, k = 9000, 30, 20, 8
    rows, queries = vectors("signed", N, D, seed=0), vectors("signed", Q, D, seed=1)
    coded, plain = ExactIndex(D, threads=2, codes_from_rows=1), ExactIndex(D, codes_from_rows=10**9)
    allowed = np.random.default_rng(0).permutation(N)[: int(share * N)]
    for index in (coded, plain):
        index.upsert(np.arange(5000), rows[:5000])
    for change in range(4):
        one, other = (index.search(queries, k) for index in (coded, plain))
        assert (one.keys == other.keys).all()
        assert (one.similarities == other.similarities).all()
        one, other = (index.search(queries, k, among=allowed) for index in (coded, plain))
        assert (one.keys == other.keys).all()
        assert one.scanned == other.scanned
        assert one.plan == f"exact over {one.scanned:,} allowed"
        for index in (coded, plain):
            start = 5000 + 1000 * change
            index.upsert(np.arange(start, start + 1000), rows[start : start + 1000])
            index.upsert(np.arange(20, 40), rows[change : change + 20])
            index.remove(np.arange(100 * change, 100 * change + 30))


def test_codes_may_be_made_while_another_thread_changes_the_index() -> None:
    N, D = 4000, 16
    rows = vectors("signed", N, D, seed=0)
    index = ExactIndex(D, codes_from_rows=1, codes_from_queries=1)
    index.upsert(np.arange(N), rows)
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            index.remove(np.arange(0, N, 2))
            index.upsert(np.arange(0, N, 2), rows[::2])

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(60):
            found = index.search(rows[1:200:2], 1)
            assert found.keys[:, 0].tolist() == list(range(1, 200, 2))
            assert (found.similarities == 1).all()
    finally:
        done.set()
        changing.join()
