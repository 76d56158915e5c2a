"""Neighbours among arrays and files are those of a naive loop, on whatever device, and say how they were found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.metrics import Metric
from lookalike.neighbours import engine as knn_engine
from lookalike.neighbours.knn import knn
from tests.unit.neighbours.vector_files import neighbours, saved, vectors

METRICS = list(Metric)


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_are_those_of_a_naive_loop(metric: Metric) -> None:
    N, D, Q, k = 60, 7, 5, 4
    base, queries = vectors(N, D), vectors(Q, D, seed=1)
    found = lookalike.knn(base, queries, k, metric=str(metric))
    rows, values = neighbours(base, queries, k, metric)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.values, values, rtol=1e-6)
    assert (found.rows.dtype, found.values.dtype) == (np.int64, np.float32)
    assert (found.metric, found.device, found.notes, found.comparison) == (metric, "cpu", (), None)
    assert found.seconds > 0


@pytest.mark.parametrize("form", ["path", "text", "float64", ">f8", "float16", "int16", "Fortran", "every other"])
def test_files_and_arrays_of_all_forms_give_the_same(form: str, tmp_path: Path) -> None:
    N, D, k = 30, 6, 3
    base = np.round(vectors(N, D)) * 2
    given: Any = base.astype(form) if form in ("float64", ">f8", "float16", "int16") else base
    if form == "Fortran":
        given = np.asfortranarray(base)
    if form == "every other":
        given = np.repeat(base, 2, axis=0)[::2]
    file: Any = saved(tmp_path / "base.npy", given)
    for source in (file, given) if form != "text" else (str(file),):
        found = knn(source, base[:4], k, metric="l2")
        np.testing.assert_array_equal(found.rows, neighbours(base, base[:4], k, Metric.L2)[0])


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_is_not_its_own_neighbour_where_that_is_asked(metric: Metric, tmp_path: Path) -> None:
    N, D, k = 40, 5, 3
    base = vectors(N, D)
    base[10:20] = base[10]  # more equal rows than answers: a row may not be among its own k + 1 nearest
    expected, _ = neighbours(base, base, k, metric, exclude_self=True)
    file = saved(tmp_path / "all.npy", base)
    (tmp_path / "link.npy").symlink_to(file)
    for pair in ((base, base), (file, str(file)), (file, tmp_path / "link.npy")):
        found = knn(*pair, k, metric=str(metric), exclude_self=True)
        np.testing.assert_array_equal(found.rows, expected)


def test_excluding_itself_needs_one_and_the_same(tmp_path: Path) -> None:
    base = vectors(5, 3)
    for queries in (base.copy(), saved(tmp_path / "queries.npy", base)):
        with pytest.raises(BadInput, match="the same base and queries"):
            knn(base, queries, exclude_self=True)


def test_more_neighbours_than_rows_are_padded_and_said() -> None:
    N, D, k = 3, 4, 5
    base = vectors(N, D)
    for metric, worst in (("cosine", -np.inf), ("l2", np.inf)):
        found = knn(base, base[:2], k, metric=metric)
        assert found.rows.shape == (2, k)
        assert (found.rows[:, N:] == -1).all()
        assert (found.values[:, N:] == worst).all()
        assert found.notes == ("k is 5, but there are 3 rows to choose from: the rest is padded",)
    alone = knn(base[:1], base[:1], 1)
    assert alone.rows.tolist() == [[0]]
    one = base[:1]
    assert knn(one, one, 2, exclude_self=True).rows.tolist() == [[-1, -1]]


def test_no_queries_have_no_neighbours() -> None:
    found = knn(vectors(4, 3), np.empty((0, 3)), 2)
    assert found.rows.shape == (0, 2)
    assert {len(column) for column in found.columns().values()} == {0}


def test_queries_in_batches_give_the_same_and_progress_reaches_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, Q, k = 50, 4, 23, 3
    base, queries = vectors(N, D), vectors(Q, D, seed=1)
    at_once = knn(base, queries, k)
    monkeypatch.setattr(knn_engine, "_BATCH_BYTES", 7 * (16 * D + 48 * k))
    told: list[tuple[int, int]] = []
    found = knn(base, queries, k, progress=lambda *now: told.append(now))
    np.testing.assert_array_equal(found.rows, at_once.rows)
    np.testing.assert_array_equal(found.values, at_once.values)
    assert told == sorted(told)
    assert told[-1] == (4 * N, 4 * N)
    queries[17, 2] = np.nan
    with pytest.raises(BadVectors, match="row 17"):
        knn(base, queries, k)


def test_a_memory_budget_may_be_written_with_a_unit_and_must_be_enough() -> None:
    base = vectors(500, 8)
    np.testing.assert_array_equal(knn(base, base[:3], memory="1G").rows, knn(base, base[:3]).rows)
    with pytest.raises(BadInput, match="budget of at least"):
        knn(base, base[:3], memory=200)
    with pytest.raises(BadInput, match="a size such as 4G"):
        knn(base, base[:3], memory="much")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": 0}, BadQuery, "k of at least 1, got 0"),
        ({"metric": "manhattan"}, BadInput, "cosine, inner-product, l2, got 'manhattan'"),
        ({"device": "abacus"}, BadInput, "auto, cpu, cuda, got 'abacus'"),
        ({"compare": "annoy"}, BadInput, "sklearn, got 'annoy'"),
        ({"compare": "sklearn", "metric": "inner-product"}, BadInput, "cosine or l2, got inner-product"),
        ({"threads": 0}, BadInput, "at least 1 thread"),
    ],
)
def test_what_cannot_be_asked_for_says_what_can(options: dict[str, Any], error: type, said: str) -> None:
    base = vectors(5, 3)
    with pytest.raises(error, match=said):
        knn(base, base, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_values_that_are_not_finite_are_refused_with_their_row(value: float, tmp_path: Path) -> None:
    good, bad = vectors(6, 3).astype(np.float64), vectors(6, 3).astype(np.float64)
    bad[4, 1] = value
    file = saved(tmp_path / "bad.npy", bad)
    with pytest.raises(BadVectors, match=r"base: .*row 4.*leave such rows out"):
        knn(file, good)
    with pytest.raises(BadVectors, match=r"queries: .*row 4.*leave such rows out"):
        knn(good, file)


def test_another_width_is_refused() -> None:
    with pytest.raises(DimensionMismatch, match="as wide as the base, 3 numbers, got 4"):
        knn(vectors(5, 3), vectors(5, 4))


def test_an_answer_that_does_not_fit_in_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("lookalike.neighbours.knn.search_rows", full)
    with pytest.raises(BadInput, match="5 answers of 3 neighbours do not fit in the memory"):
        knn(vectors(5, 3), vectors(5, 3))


@pytest.mark.parametrize("k", [2**59, 2**63, 10**30])
def test_more_neighbours_than_an_array_can_hold_are_refused_likewise(k: int) -> None:
    with pytest.raises(BadInput, match=f"5 answers of {k:,} neighbours do not fit in the memory"):
        knn(vectors(5, 3), vectors(5, 3), k)


def test_the_card_is_chosen_where_there_is_one_and_it_is_worth_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    many, few = 1e13, 1e6
    monkeypatch.setattr(knn_engine, "find_spec", lambda name: object())
    monkeypatch.setattr(knn_engine, "_may_have_a_card", lambda: True)
    monkeypatch.setattr(knn_engine, "_sees_a_card", lambda: True)
    assert knn_engine.choose_device("auto", multiplications=many) == "cuda"
    assert knn_engine.choose_device("auto", multiplications=few) == "cpu"
    assert knn_engine.choose_device("cpu", multiplications=many) == "cpu"
    for name in ("_may_have_a_card", "_sees_a_card"):
        with monkeypatch.context() as patch:
            patch.setattr(knn_engine, name, lambda: False)
            assert knn_engine.choose_device("auto", multiplications=many) == "cpu"
    monkeypatch.setattr(knn_engine, "find_spec", lambda name: None)
    assert knn_engine.choose_device("auto", multiplications=many) == "cpu"


def test_a_search_on_the_processor_does_not_import_torch() -> None:
    script = (
        "import sys, numpy as np, lookalike\n"
        "lookalike.knn(np.ones((9, 2)), np.ones((3, 2)))\n"
        "sys.exit(bool({'torch', 'sklearn', 'pyarrow', 'pandas', 'onnxruntime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_card_that_is_asked_for_and_not_there_is_an_error() -> None:
    torch = pytest.importorskip("torch", reason="needs torch, the extra gpu")
    if torch.cuda.is_available():
        assert knn(vectors(50, 3), vectors(5, 3), device="cuda").device == "cuda"
    else:
        with pytest.raises(BadInput, match="it sees 0"):
            knn(vectors(5, 3), vectors(5, 3), device="cuda")


def test_the_card_gives_the_same_as_the_processor_and_its_notes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's processor in place of the card, and a memory that does not suffice."""
    torch = pytest.importorskip("torch", reason="needs torch, the extra gpu")
    from lookalike.index.gpu import nearest as engine
    from lookalike.index.gpu import shortlist

    def refused(*_: object) -> None:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr("lookalike.neighbours.knn.choose_device", lambda *_, **__: "cuda")
    monkeypatch.setattr(engine, "choose_device", lambda name: torch.device("cpu"))
    N, D, Q, k = 400, 8, 6, 3
    base, queries = vectors(N, D), vectors(Q, D, seed=1)
    found = knn(base, queries, k)
    np.testing.assert_array_equal(found.rows, neighbours(base, queries, k, Metric.COSINE)[0])
    assert (found.device, found.notes) == ("cuda", ())
    monkeypatch.setattr(shortlist, "products", refused)
    fallen = knn(base, queries, k)
    np.testing.assert_array_equal(fallen.rows, found.rows)
    assert fallen.notes[-1] == "the card's memory ran out: compared on the processor"
