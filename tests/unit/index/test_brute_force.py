"""Neighbours among arrays, against a loop in float64 over every pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.metrics import Metric
from lookalike.index.brute_force import Nearest, nearest
from lookalike.index.shortlist import scan

METRICS = pytest.mark.parametrize("metric", list(Metric), ids=str)


def naive(base: Any, query: Any, metric: Metric) -> Any:
    """Values in float64, rounded once."""
    base, query = np.asarray(base, np.float32).astype(float), np.asarray(query, np.float32).astype(float)
    if metric is Metric.L2:
        return np.sqrt(((base - query) ** 2).sum(axis=1)).astype(np.float32)
    products = (base * query).sum(axis=1)
    if metric is Metric.COSINE:
        lengths = np.sqrt((base**2).sum(axis=1)) * np.sqrt((query**2).sum())
        products = products / np.where(lengths > 0, lengths, 1)
    return products.astype(np.float32)


def assert_nearest(found: Nearest, base: Any, queries: Any, k: int, metric: Metric) -> None:
    """Same values everywhere; same rows wherever values differ by more than float64 can be off."""
    count = min(k, len(base))
    assert (found.rows.shape, found.rows.dtype) == ((len(queries), k), np.int64)
    assert (found.values.shape, found.values.dtype) == ((len(queries), k), np.float32)
    assert (found.rows[:, count:] == -1).all()
    assert (found.values[:, count:] == (-np.inf if metric.higher_is_closer else np.inf)).all()
    sign = -1 if metric.higher_is_closer else 1
    for query, rows, values in zip(queries, found.rows[:, :count], found.values[:, :count], strict=True):
        truth = naive(base, query, metric)
        best = np.lexsort((np.arange(len(base)), sign * truth))[:count]
        np.testing.assert_allclose(values, truth[best], rtol=1e-6, atol=1e-7 * np.abs(truth).max(initial=0))
        assert len(set(rows.tolist())) == count
        differ = np.flatnonzero(rows != best)
        np.testing.assert_allclose(truth[rows[differ]], truth[best[differ]], rtol=2e-7, atol=1e-12)
        order = np.lexsort((rows, sign * values))
        assert (order == np.arange(count)).all()


def clustered(N: int, D: int, *, seed: int = 0, offset: float = 0.0) -> Any:
    """Some twenty clusters of very different spread."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, D))
    rows = centres[rng.integers(0, 20, N)] + rng.standard_normal((N, D)) * rng.lognormal(-3, 1, (N, 1))
    return (rows + offset).astype(np.float32)


@METRICS
@pytest.mark.parametrize("D", [1, 3, 16, 70])
def test_the_answer_is_that_of_comparing_one_by_one(metric: Metric, D: int) -> None:
    N, Q, k = 9000, 40, 7
    base = clustered(N, D)
    queries = np.concatenate([clustered(Q - 10, D, seed=1), base[:10]])
    found = nearest(base, queries, k, metric=metric, threads=2)
    assert_nearest(found, base, queries, k, metric)
    assert 0 <= found.proven <= 1
    assert found.widened == round((1 - found.proven) * Q)


@METRICS
def test_a_few_queries_or_rows_are_compared_without_codes(metric: Metric) -> None:
    N, D, k = 3000, 12, 5
    base = clustered(N, D)
    for rows, queries in ((base, base[:3] + 1), (base[:100], base[:30] + 1)):
        assert_nearest(nearest(rows, queries, k, metric=metric), rows, queries, k, metric)


@METRICS
def test_vectors_far_from_the_origin_keep_their_neighbours(metric: Metric) -> None:
    N, Q, D, k = 5000, 20, 24, 6
    base, queries = clustered(N, D, offset=50), clustered(Q, D, seed=1, offset=50)
    assert_nearest(nearest(base, queries, k, metric=metric), base, queries, k, metric)


@METRICS
@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e-7, 1e5, 1e9, 1e15])
def test_huge_and_tiny_vectors_are_compared_as_well(metric: Metric, scale: float) -> None:
    N, Q, D, k = 2500, 20, 6, 4
    base, queries = clustered(N, D) * np.float32(scale), clustered(Q, D, seed=1) * np.float32(scale)
    assert_nearest(nearest(base, queries, k, metric=metric), base, queries, k, metric)


@METRICS
def test_equal_rows_stand_in_their_order_and_at_no_distance(metric: Metric) -> None:
    N, Q, D, k = 6000, 18, 20, 50
    kinds = clustered(5, D)
    base = kinds[np.random.default_rng(0).integers(0, 5, N)]
    queries = kinds[np.arange(Q) % 5]
    found = nearest(base, queries, k, metric=metric, threads=2)
    assert_nearest(found, base, queries, k, metric)
    if metric is not Metric.INNER_PRODUCT:
        for query, rows in zip(queries, found.rows, strict=True):
            assert rows.tolist() == np.flatnonzero((base == query).all(axis=1))[:k].tolist()
    if metric is Metric.L2:
        assert (found.values == 0).all()
    assert found.proven < 1


@METRICS
def test_crowds_that_codes_cannot_tell_apart_are_sifted(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_WIDER", 1)
    monkeypatch.setattr(scan, "_MOST_PENDING", 500)
    N, Q, D, k = 5000, 20, 32, 3
    rng = np.random.default_rng(0)
    base = (np.append(np.ones(D - 1), 30) + rng.standard_normal((N, D)) * 1e-3).astype(np.float32)
    base[0] = -40  # far away, so that the others share a few codes
    queries = base[100 : 100 + Q]
    found = nearest(base, queries, k, metric=metric)
    assert_nearest(found, base, queries, k, metric)
    assert found.widened > 0


@METRICS
def test_zero_vectors_are_as_near_as_any_other(metric: Metric) -> None:
    N, Q, D, k = 4000, 20, 8, 9
    base, queries = clustered(N, D), clustered(Q, D, seed=1)
    base[::7], queries[::3] = 0, 0
    assert_nearest(nearest(base, queries, k, metric=metric), base, queries, k, metric)
    assert_nearest(nearest(np.zeros((N, D)), queries, k, metric=metric), np.zeros((N, D)), queries, k, metric)


@METRICS
def test_more_answers_than_rows_are_padded(metric: Metric) -> None:
    N, D, k = 3, 4, 9
    base = clustered(N, D)
    assert_nearest(nearest(base, base, k, metric=metric), base, base, k, metric)
    N, Q, k = 2500, 17, 2600
    base = clustered(N, D)
    assert_nearest(nearest(base, base[:Q], k, metric=metric), base, base[:Q], k, metric)


@METRICS
def test_nothing_among_nothing(metric: Metric) -> None:
    D, k = 5, 3
    empty, some = np.empty((0, D), np.float32), np.ones((2, D))
    for base, queries in ((empty, some), (some, empty), (empty, empty)):
        found = nearest(base, queries, k, metric=metric)
        assert_nearest(found, base, queries, k, metric)
        assert (found.proven, found.widened) == (1, 0)


@METRICS
@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint8", "int64", "bool"])
def test_any_real_dtype_is_taken(metric: Metric, dtype: str) -> None:
    N, Q, D, k = 3000, 16, 6, 4
    rng = np.random.default_rng(0)
    base, queries = (rng.integers(0, 2 if dtype == "bool" else 100, (n, D)).astype(dtype) for n in (N, Q))
    assert_nearest(nearest(base, queries, k, metric=metric), base, queries, k, metric)


@METRICS
def test_a_memory_map_is_read_in_pieces_within_the_budget(metric: Metric, tmp_path: Path) -> None:
    N, Q, D, k, threads = 7000, 20, 10, 5, 2
    base, queries = clustered(N, D), clustered(Q, D, seed=1)
    np.save(tmp_path / "base.npy", base.astype(np.float16))
    mapped = np.load(tmp_path / "base.npy", mmap_mode="r")
    with pytest.raises(BadInput, match="at least") as refused:
        nearest(mapped, queries, k, memory_bytes=1000, threads=threads)
    least = int(str(refused.value).split("at least ")[1].split()[0])
    told: list[tuple[int, int]] = []
    found = nearest(
        mapped, queries, k, metric=metric, memory_bytes=least, threads=threads, progress=lambda *step: told.append(step)
    )
    assert_nearest(found, mapped, queries, k, metric)
    assert told == [(min(N, 1024 * n), N) for n in range(1, 8)]
    with pytest.raises(BadInput):
        nearest(mapped, queries, k, memory_bytes=least - 1, threads=threads)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_refused_with_their_row(value: float) -> None:
    base, queries = np.ones((5000, 2)), np.ones((3, 2))
    base[4321, 1] = value
    with pytest.raises(BadVectors, match=r"base.*row 4321"):
        nearest(base, queries, 1)
    queries[2, 0] = value
    with pytest.raises(BadVectors, match=r"queries.*row 2"):
        nearest(np.ones((4, 2)), queries, 1)


@pytest.mark.parametrize("k", [0, -3])
def test_fewer_than_one_answer_cannot_be_asked_for(k: int) -> None:
    with pytest.raises(BadQuery, match="at least 1"):
        nearest(np.ones((2, 2)), np.ones((2, 2)), k)


def test_other_shapes_and_kinds_are_refused() -> None:
    with pytest.raises(DimensionMismatch, match=r"\(N, 3\)"):
        nearest(np.ones((4, 3)), np.ones((2, 2)), 1)
    with pytest.raises(DimensionMismatch, match="base"):
        nearest(np.ones(4), np.ones((2, 2)), 1)
    with pytest.raises(BadVectors, match="real numbers"):
        nearest(np.ones((4, 2), complex), np.ones((2, 2)), 1)
    with pytest.raises(BadVectors, match="real numbers"):
        nearest(np.ones((4, 2)), np.array([["a", "b"]]), 1)
    with pytest.raises(BadInput, match="thread"):
        nearest(np.ones((4, 2)), np.ones((2, 2)), 1, threads=0)


def test_the_arrays_that_were_given_stay_as_they_are() -> None:
    base, queries = clustered(3000, 8), clustered(20, 8, seed=1)
    before = base.copy(), queries.copy()
    for array in (base, queries):
        array.flags.writeable = False
    for metric in Metric:
        nearest(base, queries, 3, metric=metric)
    assert (base == before[0]).all()
    assert (queries == before[1]).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_small_problem_is_answered_as_by_the_loop(data: Any) -> None:
    values = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-3, 3.0, -7.25])
    D = data.draw(st.integers(1, 3))
    rows = st.lists(st.tuples(*[values] * D), min_size=1, max_size=12)
    base, queries = np.array(data.draw(rows)), np.array(data.draw(rows))
    k, metric = data.draw(st.integers(1, 14)), data.draw(st.sampled_from(list(Metric)))
    assert_nearest(nearest(base, queries, k, metric=metric), base, queries, k, metric)
