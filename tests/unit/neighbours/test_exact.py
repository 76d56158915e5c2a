"""Whatever the type and size of the numbers, neighbours are those of whole numbers without limit, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike.core.errors import BadQuery, BadVectors
from lookalike.core.metrics import Metric
from lookalike.index import brute_force
from lookalike.index.brute_force import nearest
from lookalike.index.float64 import search as float64_search
from lookalike.index.float64.search import nearest_in_float64
from lookalike.neighbours import engine as knn_engine
from tests.unit.neighbours.vector_files import saved

METRICS = list(Metric)


def as_fraction(value: Any) -> Fraction:
    """A number of numpy's as it is; of long doubles those that a float holds."""
    return Fraction(int(value) if np.asarray(value).dtype.kind in "iub" else float(value))


def exact_order(base: Any, query: Any, metric: Metric, *, but: int | None = None) -> list[int]:
    """Rows from nearest to farthest, by fractions, which round nothing; ties to the smaller row."""
    asked = [as_fraction(value) for value in query]

    def farness(row: Any) -> Any:
        there = [as_fraction(value) for value in row]
        if metric is Metric.L2:
            return sum((a - b) ** 2 for a, b in zip(there, asked, strict=True))
        product = sum(a * b for a, b in zip(there, asked, strict=True))
        if metric is Metric.INNER_PRODUCT:
            return -product
        square = sum(a * a for a in there)
        return -(product * abs(product)) / square if square else Fraction(0)

    order = sorted(range(len(base)), key=lambda n: (farness(base[n]), n))
    return [n for n in order if n != but]


def check(base: Any, queries: Any, k: int, metric: Metric, **options: Any) -> Any:
    found = lookalike.knn(base, queries, k, metric=str(metric), **options)
    for n, query in enumerate(queries):
        assert found.rows[n].tolist() == exact_order(base, query, metric)[:k], (metric, n)
    return found


def positions(N: int, D: int = 2, *, seed: int = 0) -> Any:
    """In degrees, a millionth apart."""
    return np.array([48.137154, 11.576124, 519.0])[:D] + np.random.default_rng(seed).uniform(-1e-6, 1e-6, (N, D))


@pytest.mark.parametrize("metric", [Metric.L2, Metric.INNER_PRODUCT])
def test_rows_that_only_float64_tells_apart_are_told_apart(metric: Metric) -> None:
    N, Q, k = 300, 20, 5
    base = positions(N)
    found = check(base, positions(Q, seed=1), k, metric)
    assert found.values.dtype == np.float64
    found = lookalike.knn(base, base, 1, metric="l2")
    assert found.rows[:, 0].tolist() == list(range(N))
    assert not found.values.any()


def test_values_are_those_of_float64() -> None:
    utm = np.array([[500000.1, 5400000.1], [500000.2, 5400000.2], [500000.3, 5400000.3]])
    found = lookalike.knn(utm, utm[2:], 3, metric="l2")
    np.testing.assert_allclose(found.values[0], np.sqrt(((utm[2] - utm[::-1]) ** 2).sum(axis=1)), rtol=1e-15)
    rng = np.random.default_rng(0)
    base, queries = rng.standard_normal((200, 9)), rng.standard_normal((7, 9))
    for metric in METRICS:
        found = lookalike.knn(base, queries, 200, metric=str(metric))
        rows = base[found.rows]
        products = np.einsum("qnd,qd->qn", rows, queries)
        lengths = np.linalg.norm(rows, axis=2) * np.linalg.norm(queries, axis=1)[:, None]
        expected = {
            Metric.L2: np.linalg.norm(rows - queries[:, None], axis=2),
            Metric.INNER_PRODUCT: products,
            Metric.COSINE: products / lengths,
        }[metric]
        np.testing.assert_allclose(found.values, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "make",
    [
        lambda rng, shape: rng.standard_normal(shape),
        lambda rng, shape: rng.standard_normal(shape) * 1e30,
        lambda rng, shape: rng.standard_normal(shape) * 1e-30,
        lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 30, (shape[0], 1)),
        lambda rng, shape: rng.standard_normal(shape) * 1e120,
        lambda rng, shape: rng.standard_normal(shape) * 1e-120,
        lambda rng, shape: rng.integers(-(2**30), 2**30, shape),
        lambda rng, shape: rng.integers(0, 4, shape),
        lambda rng, shape: rng.integers(0, 2**16, shape).astype(np.uint16),
        lambda rng, shape: rng.integers(-(2**15), 2**15, shape).astype(np.int16),
        lambda rng, shape: rng.integers(0, 2**32, shape).astype(np.uint32),
        lambda rng, shape: rng.standard_normal(shape).astype(np.float64).astype(">f8"),
        lambda rng, shape: rng.standard_normal(shape).astype(np.longdouble),
        lambda rng, shape: np.repeat(rng.standard_normal((shape[0] // 20, shape[1])), 20, axis=0),
        lambda rng, shape: 1e6 + rng.integers(0, 1000, shape) / 1024,
    ],
    ids=[
        "normal", "1e30", "1e-30", "mixed sizes", "1e120", "1e-120", "large integers", "ties", "uint16", "int16",
        "uint32", "big-endian", "long double", "duplicates", "far from zero",
    ],
)  # fmt: skip
def test_all_types_and_sizes_give_the_exact_order(make: Callable[..., Any], metric: Metric) -> None:
    N, Q, D, k = 120, 4, 3, 25
    rng = np.random.default_rng(7)
    base, queries = make(rng, (N, D)), make(rng, (20, D))[:Q]
    found = lookalike.knn(base, queries, k, metric=str(metric))
    for n, query in enumerate(queries):
        order = exact_order(base, query, metric)
        told = found.rows[n].tolist()
        assert len(set(told)) == k
        expected = lookalike.knn(base, queries[n : n + 1], N, metric=str(metric))
        if metric is not Metric.COSINE and len(set(expected.values[0].tolist())) == N:
            assert told == order[:k], n
        else:  # where float64 cannot tell values apart, either may come first
            best = dict(zip(expected.rows[0].tolist(), expected.values[0].tolist(), strict=True))
            np.testing.assert_allclose([best[r] for r in told], [best[r] for r in order[:k]], rtol=1e-14, atol=1e-15)
            assert told == sorted(told, key=lambda r: (-best[r] if metric.higher_is_closer else best[r], r))


def test_whole_numbers_are_exact_up_to_the_last_digit() -> None:
    start = 2**52
    base = np.array([[start + 3], [start + 1], [start + 2], [start]])
    assert lookalike.knn(base, [[start]], 4, metric="l2").rows.tolist() == [[3, 1, 2, 0]]
    a, b = 65_535, isqrt(65_535**2)
    grid = np.array([[a, b - n] for n in range(300)], np.uint16)
    check(grid, np.zeros((1, 2), np.uint16), 300, Metric.L2)
    even = np.array([[2**60], [2**60 + 2**20]])
    assert lookalike.knn(even, even, 1, metric="l2").rows.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    "base",
    [
        np.array([[1], [2**53 + 1]]),
        np.array([[1], [-(2**53) - 1]]),
        np.array([[1], [2**64 - 1]], np.uint64),
        np.array([[1], [-(2**63) + 1]]),
        np.array([[1.0], [1.0]], np.longdouble) + np.array([[0], [2.0**-60]], np.longdouble),
    ],
)
def test_what_float64_does_not_hold_is_refused_with_its_row(base: Any) -> None:
    if base.dtype.kind == "f" and base.dtype.itemsize == 8:
        pytest.skip("long double is float64 on this machine")
    with pytest.raises(BadVectors, match=r"base: expected numbers that float64 holds exactly, but row 1 .*astype"):
        lookalike.knn(base, [[1.5]], 1)
    with pytest.raises(BadVectors, match=r"queries: .*row 1"):
        lookalike.knn([[1.5]], base, 1)


@pytest.mark.parametrize("dtype", [complex, "datetime64[s]", "timedelta64[s]", "U3", object])
def test_what_are_no_real_numbers_is_refused_by_its_type(dtype: Any) -> None:
    with pytest.raises(BadVectors, match="expected real numbers, got an array of dtype"):
        lookalike.knn(np.ones((3, 2)).astype(int).astype(dtype), np.ones((3, 2)))


def test_truth_values_are_zeros_and_ones() -> None:
    base = np.random.default_rng(0).random((50, 6)) > 0.5
    check(base.astype(int), base[:5].astype(int), 9, Metric.L2)
    assert (
        lookalike.knn(base, base[:5], 9, metric="l2").rows == lookalike.knn(base * 1, base[:5], 9, metric="l2").rows
    ).all()


def test_products_too_large_for_float32_are_in_order_and_those_too_large_for_float64_refused() -> None:
    base = (np.random.default_rng(0).standard_normal((60, 3)) * 1e30).astype(np.float32)
    found = check(base, base[:4], 10, Metric.INNER_PRODUCT)
    assert np.isfinite(found.values).all()
    small = (np.random.default_rng(0).standard_normal((60, 3)) * 1e-24).astype(np.float32)
    check(small, small[:4], 10, Metric.INNER_PRODUCT)
    with pytest.raises(BadVectors, match="too large: scale"):
        lookalike.knn(np.full((3, 2), 1e200), np.full((1, 2), 1e200), metric="inner-product")


@pytest.mark.parametrize("metric", METRICS)
def test_pieces_and_shortlists_that_prove_nothing_change_nothing(
    metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    N, Q, D, k = 2_600, 3, 4, 6
    rng = np.random.default_rng(3)
    base = rng.standard_normal((N, D)) + 1 / 3
    base[100:400] = base[100]  # more copies than a shortlist is long
    queries = np.concatenate([base[100:101], rng.standard_normal((Q - 1, D))])

    def search(rows: Any, asked: Any, length: int) -> brute_force.Nearest:
        return nearest(rows, asked, length, metric=metric)

    monkeypatch.setattr(float64_search, "_LEAST_ROWS", 1)
    monkeypatch.setattr(float64_search, "_MOST_ROWS", 700)
    told: list[tuple[int, int]] = []
    cut = nearest_in_float64(base, queries, k, metric=metric, search=search, progress=lambda *now: told.append(now))
    assert told == [(700, N), (1400, N), (2100, N), (N, N)]
    assert cut.widened >= (metric is not Metric.INNER_PRODUCT)  # of which the copies are not the best
    monkeypatch.setattr(float64_search, "_LONGEST", 10)
    for other in (cut, nearest_in_float64(base, queries, k, metric=metric, search=search)):
        for n, query in enumerate(queries):
            products = base @ query
            values = {
                Metric.L2: ((base - query) ** 2).sum(axis=1),
                Metric.INNER_PRODUCT: -products,
                Metric.COSINE: -products / np.linalg.norm(base, axis=1),
            }[metric]
            assert np.allclose(np.sort(values)[:k], values[other.rows[n]], rtol=1e-13)
    if metric is Metric.L2:
        assert cut.rows[0].tolist() == list(range(100, 100 + k))


def test_a_shortlist_by_float32_is_what_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a large search would be a loop over all pairs."""
    rng = np.random.default_rng(0)
    base, queries = rng.standard_normal((3_000, 24)), rng.standard_normal((40, 24))
    monkeypatch.setattr(float64_search._Piece, "_by_all", None)
    for metric in METRICS:
        assert lookalike.knn(base, queries, 10, metric=str(metric)).proven == 1


def test_files_are_compared_as_they_are_too(tmp_path: Path) -> None:
    base = positions(200, 3)
    saved(tmp_path / "base.npy", base)
    expected = [exact_order(base, query, Metric.L2)[:4] for query in base[:6]]
    assert lookalike.knn(tmp_path / "base.npy", base[:6], 4, metric="l2").rows.tolist() == expected
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
    import pyarrow.parquet as pq

    for name, rows in (("floats", base), ("whole", (base * 1e10).astype(np.int64))):
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 3)
        pq.write_table(pa.table({"vector": lists}), tmp_path / f"{name}.parquet")
        found = lookalike.knn(tmp_path / f"{name}.parquet", rows[:6], 4, metric="l2")
        assert found.rows.tolist() == [exact_order(rows, query, Metric.L2)[:4] for query in rows[:6]]
        kept = lookalike.knn(rows, rows[:2], 2, metric="l2").to_parquet(tmp_path / "kept.parquet")
        assert pq.read_table(kept)["distance"].type == pa.float64()


def test_a_row_is_not_its_own_neighbour_in_float64_either() -> None:
    base = positions(80)
    found = lookalike.knn(base, base, 3, metric="l2", exclude_self=True)
    assert found.rows.tolist() == [exact_order(base, query, Metric.L2, but=n)[:3] for n, query in enumerate(base)]


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    base = positions(20)
    found = lookalike.knn(base, base[:3], 4, metric="l2")
    lines = found.save(tmp_path / "found.csv").read_text().splitlines()[1:]
    assert [float(line.split(",")[3]) for line in lines] == found.values.ravel().tolist()


def test_scikit_learn_gets_the_same_numbers() -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, the extra compare")
    base = np.random.default_rng(0).standard_normal((100, 5))
    for metric in ("cosine", "l2"):
        found = lookalike.knn(base, base[:9], 3, metric=metric, compare="sklearn")
        assert found.comparison is not None
        assert found.comparison.agrees


def test_in_place_of_a_card_torch_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs torch, the extra gpu")
    from lookalike.index.gpu import nearest as engine

    monkeypatch.setattr("lookalike.neighbours.knn.choose_device", lambda *_, **__: "cuda")
    monkeypatch.setattr(engine, "choose_device", lambda name: torch.device("cpu"))
    base = positions(150)
    found = check(base, base[:5], 4, Metric.L2)
    assert found.device == "cuda"
    check(np.arange(60).reshape(20, 3) ** 3, np.arange(6).reshape(2, 3), 4, Metric.INNER_PRODUCT)


@pytest.mark.parametrize("k", [True, 2.0, "3", None, 0, -1, np.int64(0)])
def test_k_is_a_whole_number_of_at_least_one(k: Any) -> None:
    with pytest.raises(BadQuery, match="expected k "):
        lookalike.knn(np.eye(3), np.eye(3), k)
    assert lookalike.knn(np.eye(3), np.eye(3), np.int32(2)).rows.shape == (3, 2)  # type: ignore[arg-type]


def test_what_is_told_of_the_numbers_is_plain_data() -> None:
    found = lookalike.knn(positions(5), positions(2), 2)
    json.dumps([found.seconds, found.proven, list(found.notes)])
    assert knn_engine.DEVICES == ("auto", "cpu", "cuda")
