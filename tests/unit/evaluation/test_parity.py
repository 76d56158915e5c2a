"""Parity, against values that can be told by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.core.errors import BadInput
from lookalike.evaluation.parity import parity


def some_vectors(count: int, width: int, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def test_the_same_vectors_differ_in_nothing_whatever_their_lengths() -> None:
    vectors = some_vectors(30, 8)

    found = parity(vectors, vectors * np.arange(1, 31)[:, None])

    assert found.pictures == 30
    assert found.worst_distance == pytest.approx(0, abs=1e-6)
    assert found.top_10 == 1.0


def test_the_worst_pair_is_told_and_hardly_moves_the_99th_percentile() -> None:
    vectors = some_vectors(200, 16)
    other = vectors.copy()
    other[7] *= -1

    found = parity(vectors, other)

    assert found.worst_distance == pytest.approx(2)
    assert found.p99_distance == pytest.approx(0, abs=1e-6)


def test_the_first_ten_are_those_of_a_plain_loop() -> None:
    reference, other = some_vectors(25, 4), some_vectors(25, 4, seed=2)
    unit = reference / np.linalg.norm(reference, axis=1, keepdims=True)

    def first_ten(query: np.ndarray, itself: int) -> set[int]:
        others = [n for n in range(25) if n != itself]
        return set(sorted(others, key=lambda n: -float(unit[n] @ query))[:10])

    expected = np.mean([len(first_ten(unit[n], n) & first_ten(other[n], n)) / 10 for n in range(25)])

    assert parity(reference, other).top_10 == pytest.approx(expected)


def test_of_three_pictures_the_first_two_count() -> None:
    vectors = some_vectors(3, 4)

    assert parity(vectors, vectors).top_10 == 1.0


@pytest.mark.parametrize(("count", "others"), [(1, 1), (3, 4), (0, 0)])
def test_other_or_too_few_pictures_are_refused(count: int, others: int) -> None:
    with pytest.raises(BadInput):
        parity(some_vectors(count, 4), some_vectors(others, 4))
