"""scikit-learn is asked the same, and it shows whether it agrees."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lookalike.core.errors import BadInput, MissingExtra
from lookalike.core.metrics import Metric
from lookalike.neighbours.compare import TOLERANCE, compare_with_sklearn, largest_difference
from lookalike.neighbours.knn import knn
from tests.unit.neighbours.vector_files import neighbours, vectors


@pytest.fixture(autouse=True)
def needs_sklearn() -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, the extra compare")


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_a_right_answer_agrees(metric: str, exclude_self: bool) -> None:
    N, D, k = 200, 16, 4
    base = vectors(N, D)
    base[50:60] = base[50]
    base[70] = 0
    found = knn(base, base, k, metric=metric, exclude_self=exclude_self, compare="sklearn")
    assert found.comparison is not None
    assert found.comparison.agrees
    assert found.comparison.largest_difference < TOLERANCE
    assert found.comparison.peer.startswith("scikit-learn ")
    assert found.comparison.speed_up == pytest.approx(found.comparison.seconds / found.seconds)


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.L2])
def test_a_wrong_answer_does_not_agree(metric: Metric) -> None:
    N, D, Q, k = 100, 8, 6, 3
    base, queries = vectors(N, D), vectors(Q, D, seed=1)
    _, values = neighbours(base, queries, k, metric)
    values[4, 2] *= 1.01
    found = compare_with_sklearn(base, queries, values, metric=metric, seconds=1.0, exclude_self=False)
    assert not found.agrees
    assert found.largest_difference > TOLERANCE


def test_what_float32_loses_near_zero_is_no_difference() -> None:
    ours, queries = np.array([[0.0, 5.0]], np.float32), np.full((1, 4), 100, np.float32)
    assert largest_difference(ours, np.array([[0.1, 5.0]]), queries, Metric.L2) < TOLERANCE
    assert largest_difference(ours, np.array([[5.0, 5.0]]), queries, Metric.L2) > TOLERANCE


def test_padding_is_not_compared_and_nothing_cannot_be() -> None:
    base = vectors(3, 4)
    found = knn(base, base, 7, compare="sklearn")
    assert found.comparison is not None
    assert found.comparison.agrees
    with pytest.raises(BadInput, match="at least one query with a neighbour"):
        knn(base, np.empty((0, 4)), compare="sklearn")


def test_without_scikit_learn_the_extra_is_named_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    monkeypatch.setattr("lookalike.neighbours.knn.search_rows", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[compare\]'"):
        knn(vectors(3, 4), vectors(3, 4), compare="sklearn")
