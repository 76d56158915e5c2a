"""Operating points are the cheapest that really reach a recall; recipes fit any size and width."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.index.faiss.recipes import paired_order, recipe
from lookalike.index.faiss.tuning import K, Proposed, gaps, measure_operating_points, sure_recall


class Lists:
    """Inverted lists without codes: candidates of the probed lists in the order of a blurred similarity."""

    def __init__(self, *, N: int, D: int, lists: int, queries: int, blur: float) -> None:
        rng = np.random.default_rng(3)
        centroids = rng.standard_normal((lists, D))
        self.centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
        rows = self.centroids[rng.integers(0, lists, N)] + 0.4 * rng.standard_normal((N, D))
        self.rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self.list_of = (self.rows @ self.centroids.T).argmax(axis=1)
        self.queries = self.rows[:queries]
        self.blurred = self.queries @ self.rows.T + blur * rng.standard_normal((queries, N))
        self.similarities = (self.queries @ self.centroids.T).astype(np.float32)
        exact = self.queries @ self.rows.T
        exact[np.arange(queries), np.arange(queries)] = -np.inf
        self.truth = np.argsort(-exact, axis=1)[:, :K]

    def propose(self, gap: float, depth: int) -> Proposed:
        probed = self.similarities >= self.similarities.max(axis=1, keepdims=True) - gap
        there = probed[:, self.list_of]
        values = np.where(there, self.blurred, -np.inf)
        slots = np.argsort(-values, axis=1)[:, :depth]
        slots = np.where(np.take_along_axis(values, slots, axis=1) > -np.inf, slots, -1)
        return Proposed(slots, float(there.sum(axis=1).mean()))


@pytest.fixture(scope="module")
def lists() -> Lists:
    return Lists(N=4000, D=16, lists=64, queries=120, blur=0.03)


def test_each_wanted_recall_is_reached_by_a_point_and_dearer_ones_find_more(lists: Lists) -> None:
    points = measure_operating_points(
        truth=lists.truth, propose=lists.propose, centroid_similarities=lists.similarities
    )
    recalls = [point.recall for point in points]
    assert recalls == sorted(recalls)
    for wanted in (0.8, 0.9, 0.95, 0.99):
        assert any(recall >= wanted for recall in recalls)
    for point in points:
        found = lists.propose(point.gap, point.rerank + 1)
        assert sure_recall(found.slots, lists.truth) == pytest.approx(point.recall)
        assert found.scanned == point.scanned


def test_no_measured_way_to_a_recall_is_cheaper_than_the_chosen_one(lists: Lists) -> None:
    points = measure_operating_points(
        truth=lists.truth, propose=lists.propose, centroid_similarities=lists.similarities, wanted=[0.9]
    )
    chosen = points[0]
    for gap in gaps(lists.similarities):
        found = lists.propose(gap, 31)
        if sure_recall(found.slots, lists.truth) >= 0.9:
            assert found.scanned + 23 * 30 >= chosen.scanned + 23 * chosen.rerank


def test_what_cannot_be_reached_is_left_out_and_the_best_that_can_is_there() -> None:
    lists = Lists(N=3000, D=8, lists=16, queries=60, blur=3.0)  # codes that tell next to nothing
    points = measure_operating_points(
        truth=lists.truth, propose=lists.propose, centroid_similarities=lists.similarities
    )
    assert points
    assert points[-1].recall < 0.999


def test_gaps_ascend_and_the_last_probes_all_lists(lists: Lists) -> None:
    found = gaps(lists.similarities)
    assert found == sorted(found)
    assert (lists.similarities >= lists.similarities.max(axis=1, keepdims=True) - found[-1]).all()


@pytest.mark.parametrize(
    ("slots", "truth", "recall"),
    [
        ([[1, 2, 3]], [[1, 2]], 1.0),
        ([[1, -1, 3]], [[1, 2]], 0.5),
        ([[4, 5]], [[1, -1]], 0.0),
        ([[1]], [[-1, -1]], 0.0),
    ],
)
def test_recall_counts_what_is_there_to_find(slots: Any, truth: Any, recall: float) -> None:
    assert sure_recall(np.array(slots), np.array(truth)) == recall


def test_recall_is_lowered_by_one_standard_error() -> None:
    slots, truth = np.array([[1], [2], [9], [4]]), np.array([[1], [2], [3], [4]])
    assert sure_recall(slots, truth) == pytest.approx(0.75 - np.std([1, 1, 0, 1]) / 2)


@pytest.mark.parametrize("D", [1, 2, 3, 7, 64, 128, 129, 256, 258, 1280])
@pytest.mark.parametrize("N", [1, 300, 200_000, 2_000_000, 100_000_000])
def test_a_recipe_fits_any_number_and_width(N: int, D: int) -> None:
    made = recipe(N, D)
    lists = int(made.factory.split(",")[0].removeprefix("IVF"))
    assert 64 <= lists <= 65_536
    assert made.training <= N
    if made.factory.endswith("x4fs"):
        assert D % int(made.factory.split("PQ")[1].removesuffix("x4fs")) == 0


@pytest.mark.parametrize(("N", "D"), [(0, 4), (4, 0), (-1, 3)])
def test_nothing_is_built_of_nothing(N: int, D: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        recipe(N, D)


def test_the_largest_variance_stands_beside_the_smallest() -> None:
    scales = np.array([1.0, 8, 2, 4, 6, 3], np.float32)
    rows = np.random.default_rng(0).standard_normal((4000, 6)).astype(np.float32) * scales
    assert paired_order(rows).tolist() == [1, 0, 4, 2, 3, 5]
