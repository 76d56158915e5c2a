"""Exact search by torch is what comparing all in float64 gives, whatever the tiles, the proofs and the memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.installing import install_line
from lookalike.core.metrics import Metric
from lookalike.index.brute_force import Nearest, nearest

torch: Any = pytest.importorskip("torch", reason="needs torch, the extra gpu")

from lookalike.index.gpu import search as passes  # noqa: E402  # behind the check that torch is there
from lookalike.index.gpu import shortlist as shortlists  # noqa: E402
from lookalike.index.gpu.base import Room, TorchBase  # noqa: E402
from lookalike.index.gpu.halves import bound, halves, loosen, products  # noqa: E402
from lookalike.index.gpu.index import TorchIndex  # noqa: E402
from lookalike.index.gpu.nearest import nearest_on_torch  # noqa: E402
from lookalike.index.gpu.source import DeviceSource  # noqa: E402

MIB = 1 << 20
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
METRICS = list(Metric)


def found(base: Any, queries: Any, k: int, *, device: str = "cpu", **options: Any) -> Nearest:
    return nearest_on_torch(np.asarray(base), np.asarray(queries), k, device=device, **options)


def assert_same(answer: Nearest, base: Any, queries: Any, k: int, metric: Metric) -> None:
    """Rows and values are those of a loop over everything in float64, rounded to float32; ties to the smaller row."""
    with np.errstate(over="ignore"):
        wide, wanted = (np.asarray(some, np.float32).astype(np.float64) for some in (base, queries))
        for n, query in enumerate(wanted):
            values = naive(wide, query, metric).astype(np.float32)
            order = np.lexsort((np.arange(len(wide)), -values if metric.higher_is_closer else values))[:k]
            assert answer.rows[n, : len(order)].tolist() == order.tolist()
            np.testing.assert_array_equal(answer.values[n, : len(order)], values[order])
            assert (answer.rows[n, len(order) :] == -1).all()
            assert (answer.values[n, len(order) :] == (-np.inf if metric.higher_is_closer else np.inf)).all()
    assert (answer.rows.shape, answer.values.shape) == ((len(wanted), k),) * 2
    assert (answer.rows.dtype, answer.values.dtype) == (np.int64, np.float32)


def naive(rows: Any, query: Any, metric: Metric) -> Any:
    if metric is Metric.L2:
        return np.sqrt(((rows - query) ** 2).sum(axis=1))
    values = (rows * query).sum(axis=1)
    if metric is Metric.COSINE:
        lengths = np.sqrt((rows**2).sum(axis=1)) * np.sqrt((query**2).sum())
        values = np.clip(values / np.where(lengths > 0, lengths, 1), -1, 1)
    return values


def rows_of(kind: str, N: int, D: int, *, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((N, D))
    if kind == "of all lengths":
        rows *= rng.lognormal(0, 2, (N, 1))
    if kind == "far from zero":
        rows += 50
    if kind == "many equal":
        rows = rows[rng.integers(0, 7, N)]
    if kind == "whole numbers":
        rows = rng.integers(-2, 3, (N, D))
    if kind == "some zero":
        rows[rng.random(N) < 0.2] = 0
    if kind == "one giant":
        rows[N // 2] *= 1e12
    if kind == "huge":
        rows *= 1e36  # whose lengths float32 can hold, but not their squares
    if kind == "tiny":
        rows *= 1e-30
    return rows.astype(np.float32)


KINDS = [
    "huge",
    "plain",
    "of all lengths",
    "far from zero",
    "many equal",
    "whole numbers",
    "some zero",
    "one giant",
    "tiny",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("device", DEVICES)
def test_answers_are_those_of_float64(kind: str, metric: Metric, device: str) -> None:
    N, D, Q, k = 1500, 24, 9, 5
    base, queries = rows_of(kind, N, D), rows_of(kind, Q, D, seed=1)
    queries[0] = base[3]
    assert_same(found(base, queries, k, metric=metric, device=device), base, queries, k, metric)


@pytest.mark.parametrize("metric", METRICS)
def test_most_shortlists_of_random_rows_are_proven_at_once(metric: Metric) -> None:
    N, D, Q, k = 3000, 128, 40, 3
    answer = found(rows_of("plain", N, D), rows_of("plain", Q, D, seed=1), k, metric=metric)
    assert answer.proven > 0.9
    assert answer.widened == round((1 - answer.proven) * Q)


@pytest.mark.parametrize("metric", METRICS)
def test_where_a_proof_fails_more_rows_are_compared(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, Q, k = 1200, 16, 4, 3
    base = np.repeat(rows_of("plain", 6, D), N // 6, axis=0)  # 200 equal rows each: more than the first shortlist
    queries = base[::300] * np.float32(1.01)
    monkeypatch.setattr(passes, "_by_all", refuses)
    widened = found(base, queries, k, metric=metric)
    assert (widened.proven, widened.widened) == (0, Q)
    assert_same(widened, base, queries, k, metric)


@pytest.mark.parametrize("device", DEVICES)
def test_rows_and_queries_that_lie_on_the_device_are_searched_there(device: str) -> None:
    N, D, Q, k = 3000, 20, 6, 4
    base, queries = rows_of("plain", N, D), rows_of("plain", Q, D, seed=1)
    rows, wanted = (torch.from_numpy(some).to(device) for some in (base, queries))
    for metric in METRICS:
        room = Room.within(64 * MIB, N, D)
        prepared = TorchBase(DeviceSource(rows), metric=metric, device=rows.device, room=room)
        assert_same(passes.search(prepared, wanted, k), base, queries, k, metric)


def refuses(*_: object, **__: object) -> None:
    raise AssertionError("a longer shortlist was to be enough")


def test_a_zero_query_ties_with_everything_and_gets_the_first_rows() -> None:
    N, D, k = 900, 8, 4
    answer = found(rows_of("plain", N, D), np.zeros((2, D)), k)
    assert answer.rows.tolist() == [[0, 1, 2, 3]] * 2
    assert (answer.values == 0).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [MIB, 4 * MIB, None])
@pytest.mark.parametrize("device", DEVICES)
def test_the_answer_does_not_depend_on_the_memory(
    metric: Metric, memory: int | None, device: str, tmp_path: Path
) -> None:
    N, D, Q, k = 6000, 96, 70, 6  # 2.3 MB in float32, 1.2 in half precision
    base, queries = rows_of("of all lengths", N, D), rows_of("of all lengths", Q, D, seed=1)
    np.save(tmp_path / "base.npy", base)
    base_on_disk = np.load(tmp_path / "base.npy", mmap_mode="r")
    answer = found(base_on_disk, queries, k, metric=metric, memory_bytes=memory, device=device)
    expected = nearest(base, queries, k, metric=metric)
    np.testing.assert_array_equal(answer.rows, expected.rows)
    np.testing.assert_array_equal(answer.values, expected.values)


def test_memory_is_shared_out_from_keeping_all_to_keeping_nothing() -> None:
    N, D = 100_000, 128
    kept = [(room.keeps_halves, room.keeps_rows) for room in (Room.within(n * MIB, N, D) for n in (400, 60, 8))]
    assert kept == [(True, True), (True, False), (False, False)]
    room = Room.within(80 << 30, 100_000_000, 128)  # a card of 80 GB
    assert room.keeps_halves
    assert room.work_bytes >= 1 << 30
    for memory in (2 * MIB, 8 * MIB, 60 * MIB):
        room = Room.within(memory, N, D)
        queries, rows = room.tile(10_000, N, D, 16, streamed=not room.keeps_halves)
        assert queries * rows * 4 <= memory
        assert queries * rows < N * 1000


def test_nothing_of_size_queries_times_base_is_ever_made(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, Q, k = 9000, 16, 500, 3
    sizes = []

    def watched(left: Any, right: Any) -> Any:
        sizes.append(len(left) * len(right))
        return products(left, right)

    monkeypatch.setattr(shortlists, "products", watched)
    found(rows_of("plain", N, D), rows_of("plain", Q, D, seed=1), k, memory_bytes=2 * MIB)
    assert max(sizes) <= 2 * MIB / 4 < N * Q / 4


class Card:
    """A card on which products of more than so many values do not fit, or which breaks at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, most: int) -> None:
        self.refused = 0

        def product(left: Any, right: Any) -> Any:
            if len(left) * len(right) > most:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more")
            return products(left, right)

        monkeypatch.setattr(shortlists, "products", product)


def test_out_of_memory_halves_the_tiles_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, Q, k = 20_000, 8, 300, 3
    base, queries = rows_of("plain", N, D), rows_of("plain", Q, D, seed=1)
    told: list[str] = []
    card = Card(monkeypatch, most=500_000)
    answer = found(base, queries, k, tell=told.append)
    assert 1 <= card.refused == len(told)
    assert set(told) == {"the card's memory ran out: compared in smaller tiles"}
    np.testing.assert_array_equal(answer.rows, nearest(base, queries, k).rows)


@pytest.mark.parametrize("metric", METRICS)
def test_out_of_memory_whatever_the_tile_leaves_it_to_the_processor(
    monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    N, D, Q, k = 700, 8, 20, 3
    base, queries = rows_of("plain", N, D), rows_of("plain", Q, D, seed=1)
    told: list[str] = []
    Card(monkeypatch, most=0)
    answer = found(base, queries, k, metric=metric, tell=told.append)
    assert told[-1] == "the card's memory ran out: compared on the processor"
    assert_same(answer, base, queries, k, metric)


def test_an_index_whose_card_runs_out_of_memory_searches_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, k = 500, 8, 3
    vectors, told = rows_of("plain", N, D), []
    index = TorchIndex(D, device="cpu", tell=told.append)
    index.upsert(np.arange(N), vectors)
    before = index.search(vectors[:4], k)
    Card(monkeypatch, most=0)
    after = index.search(vectors[:4], k, among=np.arange(0, N, 2))
    assert told == ["the card's memory ran out: searched on the processor"]
    assert (before.plan, before.exact, after.exact) == ("exact on cpu", True, True)
    assert (after.keys[[0, 2], 0] == [0, 2]).all()


@settings(max_examples=60, deadline=None)
@given(D=st.integers(1, 70), seed=st.integers(0, 10**6), scale=st.sampled_from([1e-40, 1e-6, 1.0, 1e30]))
def test_no_cosine_is_further_from_its_product_than_the_bound(D: int, seed: int, scale: float) -> None:
    N, Q = 60, 5
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy((rng.standard_normal((N, D)) * scale).astype(np.float32))
    queries = torch.from_numpy((rng.standard_normal((Q, D)) * rng.lognormal(0, 3, (Q, D))).astype(np.float32))
    near, far = halves(queries, None), halves(rows, None)
    ranked = products(near.units, far.units)
    truth = np.array([naive(rows.double().numpy(), query, Metric.COSINE) for query in queries.double().numpy()])
    assert (truth <= loosen(ranked).numpy() + bound(near, far)).all()
    assert (truth >= -loosen(-ranked).numpy() - bound(near, far)).all()


@settings(max_examples=80, deadline=None)
@given(
    metric=st.sampled_from(METRICS),
    N=st.integers(15, 90),
    D=st.integers(1, 4),
    k=st.integers(1, 8),
    seed=st.integers(0, 10**6),
    power=st.integers(-30, 30),
)
def test_small_whole_numbers_of_any_size_are_ranked_right(
    metric: Metric, N: int, D: int, k: int, seed: int, power: int
) -> None:
    rng = np.random.default_rng(seed)
    base = (rng.integers(-3, 4, (N, D)) * 2.0 ** rng.integers(power - 9, power, (N, 1))).astype(np.float32)
    queries = (rng.integers(-3, 4, (4, D)) * 2.0**power).astype(np.float32)
    assert_same(found(base, queries, k, metric=metric), base, queries, k, metric)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int8", "uint16", "bool"])
def test_numbers_of_any_dtype_are_compared_as_float32(dtype: str) -> None:
    N, D, Q, k = 300, 6, 4, 3
    base = np.abs(rows_of("whole numbers", N, D)).astype(dtype)
    queries = np.asfortranarray(base[:Q])
    assert_same(found(base, queries, k, metric=Metric.L2), base, queries, k, Metric.L2)


@pytest.mark.parametrize(("N", "Q"), [(0, 2), (3, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("metric", METRICS)
def test_none_and_one(N: int, Q: int, metric: Metric) -> None:
    D, k = 5, 4
    base, queries = rows_of("plain", max(N, 1), D)[:N], rows_of("plain", max(Q, 1), D, seed=1)[:Q]
    answer = found(base, queries, k, metric=metric)
    assert_same(answer, base, queries, k, metric)
    assert (answer.proven, answer.widened) == (1, 0)


def test_progress_reaches_the_end() -> None:
    N, D, Q, k = 9_000, 8, 200, 2
    told: list[tuple[int, int]] = []
    found(rows_of("plain", N, D), rows_of("plain", Q, D), k, memory_bytes=MIB, progress=lambda *now: told.append(now))
    assert told == sorted(told)
    assert len(told) > 5
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize(
    ("base", "queries", "k", "error", "said"),
    [
        (np.ones((9, 3)), np.ones((2, 3)), 0, BadQuery, "k of at least 1, got 0"),
        (np.ones(9), np.ones((2, 3)), 1, DimensionMismatch, r"\(N, D\), got \(9,\)"),
        (np.ones((9, 3)), np.ones((2, 4)), 1, DimensionMismatch, r"queries: .*\(N, 3\)"),
        (np.array([["a"]]), np.ones((2, 1)), 1, BadVectors, "real numbers"),
        (np.ones((9, 3)), np.array([[1, 2, 3], [1, np.nan, 3]]), 1, BadVectors, "queries: .*row 1"),
        (np.array([[1.0], [2], [np.inf]]), np.ones((2, 1)), 1, BadVectors, "base: .*row 2"),
        (np.array([[1.0], [1e39]]), np.ones((2, 1)), 1, BadVectors, "base: .*row 1"),
    ],
)
def test_what_cannot_be_searched_is_refused(base: Any, queries: Any, k: int, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        found(base, queries, k)


def test_a_bad_row_behind_a_memory_map_is_found_whatever_the_memory(tmp_path: Path) -> None:
    N, D = 9000, 64
    base = rows_of("plain", N, D)
    base[8765, 3] = np.nan
    np.save(tmp_path / "base.npy", base)
    for memory in (MIB, None):
        for metric in METRICS:
            with pytest.raises(BadVectors, match=r"base: .*row 8765"):
                found(np.load(tmp_path / "base.npy", mmap_mode="r"), base[:2], 3, metric=metric, memory_bytes=memory)


def test_a_budget_that_is_too_small_names_the_least() -> None:
    with pytest.raises(BadInput, match="at least 1048576 bytes, got 1000"):
        found(np.ones((9, 3)), np.ones((2, 3)), 1, memory_bytes=1000)


@pytest.mark.parametrize("device", ["abacus", "meta", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(BadInput, match=device):
        nearest_on_torch(np.ones((9, 3)), np.ones((2, 3)), 1, device=device)


def test_without_torch_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from lookalike.core.errors import MissingExtra\n"
        "try: import lookalike.index.gpu.nearest\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert install_line("gpu") in done.stdout
