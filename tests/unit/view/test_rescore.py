"""Whatever an index rounds, what is answered is compared anew, and what is called exact is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys, normalise
from lookalike.index.exact import ExactIndex
from lookalike.view.rescore import MARGIN, Stored, rescore
from tests.unit.view.rounding_index import RoundingIndex

N, D, k = 200, 12, 5


class Case:
    """Vectors, an index that rounds them, and how it was asked."""

    def __init__(self, rows: Any, query: Any, *, step: float = 0.1, gone: tuple[int, ...] = (), **options: Any) -> None:
        self.rows = normalise(np.asarray(rows, np.float32))
        self.query = normalise(np.asarray(query, np.float32)[None])
        self.keys = np.arange(len(rows), dtype=np.int64) * 3
        self.index = RoundingIndex(self.rows.shape[1], step=step, **options)
        self.index.upsert(self.keys, self.rows)
        self.gone = gone
        self.depths: list[int] = []

    def search(self, depth: int) -> Neighbours:
        self.depths.append(depth)
        return self.index.search(self.query, depth)

    def stored(self, keys: Keys) -> Stored:
        there = np.setdiff1d(np.intersect1d(keys, self.keys), self.gone)
        return Stored(there, self.rows[there // 3])

    def answer(self, wanted: int = k) -> Neighbours:
        return rescore(self.query, wanted, search=self.search, stored=self.stored)

    def naive(self, wanted: int = k) -> tuple[list[int], list[float]]:
        """The keys and similarities of a plain loop in float64."""
        alive = [n for n, key in enumerate(self.keys.tolist()) if key not in self.gone]
        similarities = {n: float(np.float32(self.rows[n].astype(float) @ self.query[0].astype(float))) for n in alive}
        best = sorted(alive, key=lambda n: (-similarities[n], n))[:wanted]
        return [3 * n for n in best], [similarities[n] for n in best]


def assert_true(case: Case, wanted: int = k) -> None:
    found = case.answer(wanted)
    keys, similarities = case.naive(wanted)
    assert found.keys.shape == found.similarities.shape == (1, wanted)
    assert found.keys[0, : len(keys)].tolist() == keys
    np.testing.assert_allclose(found.similarities[0, : len(keys)], similarities, atol=1e-6)
    assert (found.keys[0, len(keys) :] == -1).all()
    assert np.isneginf(found.similarities[0, len(keys) :]).all()
    assert found.error == 0


def noise(count: int = N, *, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=(count, D))


@pytest.mark.parametrize("step", [1e-4, 0.02, 0.3, 5.0])
@pytest.mark.parametrize("wanted", [1, k, N - 1, N, N + 9])
def test_an_index_that_rounds_and_is_exact_gives_the_true_answer(step: float, wanted: int) -> None:
    case = Case(noise(), noise(1, seed=2)[0], step=step)
    assert_true(case, wanted)
    assert case.answer(wanted).exact


def test_fine_rounding_is_settled_at_once_and_coarse_rounding_widens() -> None:
    fine, coarse = (Case(noise(), noise(1, seed=2)[0], step=step) for step in (1e-4, 0.8))
    fine.answer()
    coarse.answer()
    assert fine.depths == [k + MARGIN]
    assert coarse.depths[:2] == [k + MARGIN, 4 * (k + MARGIN)]


def test_many_that_tie_by_rounding_widen_until_the_best_are_told_apart() -> None:
    """All are within one step of one another, and the nearest has the largest key."""
    angles = np.linspace(0.30, 0.01, N)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    case = Case(rows, [1.0, 0.0], step=0.5)
    assert_true(case)
    assert case.answer().keys[0, 0] == 3 * (N - 1)


def test_equal_vectors_tie_and_go_by_their_keys() -> None:
    rows = np.concatenate([noise(50), np.tile(noise(1, seed=3), (100, 1)), noise(50, seed=4)])
    case = Case(rows, 7 * noise(1, seed=3)[0], step=0.05)
    assert_true(case, 12)
    assert (case.answer(12).similarities == 1).all()


@pytest.mark.parametrize("query", [np.zeros(D), np.eye(D)[0] * 1e-30])
def test_zero_vectors_are_0_similar_to_everything(query: Any) -> None:
    rows = noise()
    rows[::2] = 0
    assert_true(Case(rows, query), 9)


def test_an_empty_index_answers_nothing() -> None:
    assert_true(Case(np.empty((0, D)), noise(1)[0]))


def test_keys_that_have_gone_meanwhile_make_room_for_the_next_best() -> None:
    case = Case(noise(), noise(1, seed=2)[0], step=0.01)
    keys, _ = case.naive(k + MARGIN)
    case.gone = tuple(keys[:-1])  # all but one of what is looked at first
    assert_true(case)
    case.gone = tuple(case.keys.tolist())
    assert_true(case)


def test_an_approximate_answer_stays_so_and_is_asked_for_once() -> None:
    case = Case(noise(), noise(1, seed=2)[0], step=0.3, is_blind=lambda key: key % 2 == 0)
    found = case.answer()
    assert not found.exact
    assert (case.depths, found.plan, found.scanned) == ([k + MARGIN], "rounded", N)
    np.testing.assert_allclose(
        found.similarities[0], [case.rows[key // 3] @ case.query[0] for key in found.keys[0]], atol=1e-6
    )
    assert (np.diff(found.similarities[0]) <= 0).all()


def test_what_was_computed_exactly_is_not_computed_again() -> None:
    index, rows = ExactIndex(D), noise().astype(np.float32)
    index.upsert(np.arange(N), rows)
    query = normalise(noise(1, seed=2).astype(np.float32))

    found = rescore(
        query, k, search=lambda depth: index.search(query, depth), stored=lambda _: pytest.fail("compared again")
    )

    np.testing.assert_array_equal(found.keys, index.search(query, k).keys)
    np.testing.assert_array_equal(found.similarities, index.search(query, k).similarities)
