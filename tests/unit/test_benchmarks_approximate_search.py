"""Recall is judged by similarities that are computed anew, and peers are tuned to no more effort than they need."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.approximate_search.contest import Entrant, Round
from benchmarks.approximate_search.engine import in_blocks
from benchmarks.approximate_search.truth import K, Truth, tenth_similarities
from benchmarks.approximate_search.tuning import tune
from lookalike.core.vectors import normalise


def _truth(N: int, D: int, Q: int) -> Truth:
    rng = np.random.default_rng(3)
    base, queries = (normalise(rng.standard_normal((n, D), dtype=np.float32)) for n in (N, Q))
    return Truth(base, queries, tenth_similarities(base, queries))


def test_the_true_tenth_is_that_of_sorting_all(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D, Q = 61, 5, 7
    monkeypatch.setattr("benchmarks.approximate_search.truth._BLOCK", 13)  # more than one, the last with fewer than ten
    truth = _truth(N, D, Q)
    expected = np.sort(truth.queries @ truth.base.T, axis=1)[:, -K]
    np.testing.assert_allclose(truth.tenth, expected, atol=1e-6)


def test_the_true_answers_have_all_recall_and_missing_twice_given_and_made_up_ones_none() -> None:
    N, D, Q = 61, 5, 7
    truth = _truth(N, D, Q)
    ids = np.argsort(-(truth.queries @ truth.base.T), axis=1)[:, :K]
    assert truth.recall(ids) == 1
    assert truth.recall(ids[:3]) == 1

    worse = ids.copy()
    worse[:, 1] = worse[:, 0]
    worse[:, 2] = -1
    worse[:, 3] = N
    assert truth.recall(worse) == pytest.approx(0.7)


def test_of_equal_vectors_any_is_right() -> None:
    N, D = 20, 5
    base = np.zeros((N, D), np.float32)
    base[:, 0] = 1
    truth = Truth(base, base[:1], tenth_similarities(base, base[:1]))
    assert truth.recall(np.arange(N - K, N)[None]) == 1
    assert truth.recall(np.arange(N)[None]) == 1, "no more than ten count"


def test_a_part_of_the_truth_is_about_its_queries() -> None:
    N, D, Q = 61, 5, 7
    truth = _truth(N, D, Q)
    ids = np.argsort(-(truth.queries @ truth.base.T), axis=1)[:, :K]
    assert truth.part(2, 3).recall(ids[2:5]) == 1
    assert truth.part(2, 3).recall(ids[:3]) < 1


@pytest.mark.parametrize("wanted", [10, 11, 37, 500, 999, 1000])
def test_the_effort_is_enough_and_hardly_more(wanted: int) -> None:
    tuned = tune(lambda effort: effort / 1000, wanted / 1000, lowest=10, highest=1000)
    assert tuned.reached
    assert wanted <= tuned.effort <= max(wanted + 1, 1.04 * wanted)
    assert tuned.recall == tuned.effort / 1000


def test_what_no_effort_reaches_is_told_with_the_best() -> None:
    assert tune(lambda effort: min(effort, 90) / 100, 0.95, lowest=10, highest=300) == (300, 0.9, False)


def test_blocks_hold_every_row_once() -> None:
    N, D = 23, 2
    base = np.arange(N * D, dtype=np.float32).reshape(N, D)
    keys, vectors = zip(*in_blocks(base, rows=10), strict=True)
    assert [len(block) for block in keys] == [10, 10, 3]
    np.testing.assert_array_equal(np.concatenate(keys), np.arange(N))
    np.testing.assert_array_equal(np.concatenate(vectors), base)


def test_rounds_count_by_what_they_answered() -> None:
    entrant = Entrant.__new__(Entrant)
    entrant.rounds = {0.9: [Round(1.0, np.array([1.0, 2.0, 3.0])), Round(0.5, np.array([9.0]))]}
    assert entrant.recall(0.9) == pytest.approx((3 * 1.0 + 0.5) / 4)
    assert entrant.percentile(0.9, 50) == 2.5
    assert entrant.rounds[0.9][0].p50 == 2
