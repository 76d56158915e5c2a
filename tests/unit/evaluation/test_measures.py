"""Measures against examples worked by hand and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.errors import BadInput
from lookalike.evaluation.measures import AP, Measure, P, R, Success, evaluate, hits_of, means, nDCG

RANKED = ["a", "x", "b", "y", "c"]  # relevant at ranks 1, 3, 5
WANTED = {"a", "b", "c", "d"}  # d is never answered


def value(measure: Measure) -> float:
    return measure(hits_of(RANKED, WANTED), relevant=len(WANTED))


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (Success(1), 1.0),
        (P(1), 1.0),
        (P(2), 1 / 2),
        (P(10), 3 / 10),
        (R(1), 1 / 4),
        (R(3), 2 / 4),
        (R(100), 3 / 4),
        (AP(), (1 / 1 + 2 / 3 + 3 / 5) / 4),
        (nDCG(3), (1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2)),
        (nDCG(10), (1 + 1 / 2 + 1 / math.log2(6)) / (1 + 1 / math.log2(3) + 1 / 2 + 1 / math.log2(5))),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_the_worked_example_comes_out(measure: Measure, expected: float) -> None:
    assert value(measure) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [Success(3), P(3), R(3), AP(), nDCG(3)], ids=lambda m: m.name)
def test_no_answers_at_all_are_worth_nothing(measure: Measure) -> None:
    assert measure(np.zeros(0, bool), relevant=2) == 0


@pytest.mark.parametrize("measure", [Success(3), R(3), AP(), nDCG(3)], ids=lambda m: m.name)
def test_a_perfect_ranking_is_worth_one(measure: Measure) -> None:
    assert measure(np.array([True, True, False, False]), relevant=2) == pytest.approx(1)


def test_success_is_a_miss_where_the_first_hit_comes_after_the_cutoff() -> None:
    hits = np.array([False, False, True])
    assert Success(2)(hits, relevant=1) == 0
    assert Success(3)(hits, relevant=1) == 1


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 5), st.integers(1, 15))
def test_measures_equal_plain_loops(hits: list[bool], missed: int, k: int) -> None:
    relevant = sum(hits) + missed
    if relevant == 0:
        return
    array = np.array(hits, bool)
    precision_sum, found, gain = 0.0, 0, 0.0
    for rank, hit in enumerate(hits, start=1):
        if hit:
            found += 1
            precision_sum += found / rank
            gain += 1 / math.log2(rank + 1) if rank <= k else 0
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, relevant) + 1))
    assert AP()(array, relevant=relevant) == pytest.approx(precision_sum / relevant)
    assert nDCG(k)(array, relevant=relevant) == pytest.approx(gain / ideal)
    assert P(k)(array, relevant=relevant) == pytest.approx(sum(hits[:k]) / k)
    assert R(k)(array, relevant=relevant) == pytest.approx(sum(hits[:k]) / relevant)
    assert Success(k)(array, relevant=relevant) == float(any(hits[:k]))


def test_names_are_the_standard_ones() -> None:
    assert [m.name for m in (Success(1), P(5), R(5), AP(), nDCG(10))] == ["Success@1", "P@5", "R@5", "AP", "nDCG@10"]


def test_measures_are_values() -> None:
    assert P(5) == P(5) != P(6)
    assert len({P(5), P(5), R(5)}) == 2


def test_a_query_without_an_answer_counts_as_a_miss() -> None:
    rows = evaluate({"q1": ["a"]}, {"q1": ["a"], "q2": ["b"]}, [AP(), Success(1)])
    assert [row.values["AP"] for row in rows] == [1, 0]
    assert means(rows) == {"AP": 0.5, "Success@1": 0.5}


def test_answers_to_queries_that_nobody_judged_are_left_out() -> None:
    assert [row.query for row in evaluate({"q1": ["a"], "q9": ["a"]}, {"q1": ["a"]}, [AP()])] == ["q1"]


def test_wrong_use_is_refused_with_a_reason() -> None:
    with pytest.raises(BadInput, match="cutoff of at least 1"):
        P(0)
    with pytest.raises(BadInput, match="every id once"):
        hits_of(["a", "a"], {"a"})
    with pytest.raises(BadInput, match="at least 1 relevant"):
        AP()(np.zeros(3, bool), relevant=0)
    with pytest.raises(BadInput, match="no fewer than the 2 hits"):
        AP()(np.ones(2, bool), relevant=1)
    with pytest.raises(BadInput, match="at least one query"):
        means([])
