"""Points, pairs, views and chance: each held against a naive reckoning."""

from __future__ import annotations

from dataclasses import replace
from math import comb, log10

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.core.saying import ViewFault
from lookalike.core.vectors import Pixels
from lookalike.images.features.agreement import agreement
from lookalike.images.features.chance import LEAST_EVIDENCE, log10_false_alarms, similarity_of
from lookalike.images.features.homography import errors_px, fault, find_homography, inverse, jacobians, project
from lookalike.images.features.pairs import MOST_RATIO, pairs_of
from lookalike.images.features.points import MOST_POINTS, Points, points_of
from tests.unit.images.shapes import shapes

pytest.importorskip("cv2", reason="needs the extra features")

VIEW = np.array([[0.9, -0.4, 30], [0.35, 0.8, -12], [2e-4, -1e-4, 1]])


def some_points(count: int, *, seed: int = 0, descriptors: NDArray[np.uint8] | None = None) -> Points:
    rng = np.random.default_rng(seed)
    return Points(
        positions=rng.uniform(0, 400, (count, 2)).astype(np.float32),
        sizes=np.full(count, 3, np.float32),
        angles=np.zeros(count, np.float32),
        descriptors=rng.integers(0, 90, (count, 128), dtype=np.uint8) if descriptors is None else descriptors,
        width=400,
        height=400,
        to_own=np.eye(3),
    )


def test_the_same_pixels_give_the_same_points() -> None:
    first, second = (points_of(shapes(seed=1)) for _ in range(2))
    assert len(first) > 50
    for name in ("positions", "sizes", "angles", "descriptors", "to_own"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_points_are_few_enough_inside_the_picture_and_described_at_one_length() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 600, 3), dtype=np.uint8)
    points = points_of(noise, side=560)
    assert (points.width, points.height) == (480, 560)
    assert len(points) <= MOST_POINTS
    assert (points.positions > -1).all()
    assert (points.positions < (480, 560)).all()
    assert points.descriptors.shape == (len(points), 128)
    lengths = np.linalg.norm(points.descriptors.astype(float), axis=1)
    assert np.abs(lengths - 512).max() < 8


def test_a_place_seen_smaller_is_known_in_the_pictures_own_pixels() -> None:
    dot = np.full((900, 1300, 3), 255, np.uint8)
    rows, columns = np.ogrid[:900, :1300]
    dot[(rows - 301) ** 2 + (columns - 1002) ** 2 < 400] = 0
    points = points_of(dot, side=640)
    own = project(points.to_own, points.positions)
    assert np.abs(own - (1002, 301)).max(axis=1).min() < 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((300, 400, 3), 90, np.uint8),
        np.zeros((8000, 8, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (8, 8000, 3), dtype=np.uint8),
        np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2),
    ],
    ids=["one pixel", "flat", "8 x 8000", "8000 x 8 of noise", "slope"],
)
def test_a_picture_without_detail_is_plain(pixels: Pixels) -> None:
    points = points_of(np.ascontiguousarray(pixels))
    assert points.plain
    assert points.descriptors.shape == (len(points), 128)


def test_pairs_are_each_others_nearest_and_clearly_so() -> None:
    P, R = 40, 55
    rng = np.random.default_rng(3)
    theirs = rng.integers(0, 90, (R, 128), dtype=np.uint8)
    ours = (theirs[:P] + rng.integers(0, 25, (P, 128))).astype(np.uint8)
    ours[30:] = rng.integers(0, 90, (10, 128))
    query, hit = some_points(P, descriptors=ours), some_points(R, seed=1, descriptors=theirs)
    units = [d / np.linalg.norm(d, axis=1, keepdims=True) for d in (ours.astype(float), theirs.astype(float))]
    distances = np.linalg.norm(units[0][:, None] - units[1][None], axis=2)
    expected = set()
    for p in range(P):
        first, second = np.argsort(distances[p])[:2]
        if distances[p, first] < MOST_RATIO * distances[p, second] and distances[:, first].argmin() == p:
            expected.add((p, int(first)))
    pairs = pairs_of(query, hit)
    assert set(zip(pairs.query.tolist(), pairs.hit.tolist(), strict=True)) == expected
    assert len(expected) >= 30
    ratios = [np.divide(*np.sort(distances[p])[:2]) for p in pairs.query]
    assert ratios == pytest.approx(sorted(ratios), abs=1e-3)


def test_a_place_described_several_times_counts_once() -> None:
    query, hit = some_points(20), some_points(20)
    crowded = replace(query, positions=np.full_like(query.positions, 100))
    assert len(pairs_of(query, hit).query) == 20
    assert len(pairs_of(crowded, hit).query) == 1
    assert len(pairs_of(query, crowded).query) == 1


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 9), (9, 0), (1, 9), (9, 1)])
def test_hardly_any_points_give_no_pairs(ours: int, theirs: int) -> None:
    assert len(pairs_of(some_points(ours), some_points(theirs)).query) == 0


def test_descriptors_that_are_all_the_same_or_zero_give_no_pairs() -> None:
    for value in (0, 45):
        points = some_points(12, descriptors=np.full((12, 128), value, np.uint8))
        assert len(pairs_of(points, points).query) == 0


def test_the_view_is_found_among_pairs_that_are_mostly_wrong_and_the_same_each_time() -> None:
    M, wrong = 100, 55
    rng = np.random.default_rng(4)
    query = rng.uniform(0, 400, (M, 2)).astype(np.float32)
    hit = (project(VIEW, query) + rng.normal(0, 0.3, (M, 2))).astype(np.float32)
    hit[:wrong] = rng.uniform(0, 400, (wrong, 2))
    found = [find_homography(query, hit) for _ in range(3)]
    assert found[0] is not None
    errors = errors_px(found[0], query, hit)
    assert (errors[wrong:] < 1.5).all()
    assert (errors[:wrong] > 3).sum() > wrong - 4
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("count", [0, 1, 3, 4, 30])
def test_pairs_that_define_no_view_give_none_or_a_faulty_one(count: int) -> None:
    line = np.column_stack([np.arange(count), np.arange(count)]).astype(np.float32) * 7
    for query, hit in ((line, line), (np.zeros_like(line), line), (line, np.zeros_like(line))):
        found = find_homography(query, hit)
        assert found is None or fault(found, query, hit) is not None


def test_how_a_neighbourhood_is_bent_equals_small_steps() -> None:
    positions, step = np.array([[10.0, 20], [300, 50], [120, 390]]), 1e-4
    slow = [(project(VIEW, positions + d) - project(VIEW, positions - d)) / (2 * step) for d in np.eye(2) * step]
    np.testing.assert_allclose(jacobians(VIEW, positions), np.stack(slow, axis=2), rtol=1e-6)


def test_the_way_back_leads_back_and_what_lies_behind_the_camera_leads_nowhere() -> None:
    positions = np.array([[10.0, 20], [300, 50]])
    np.testing.assert_allclose(project(inverse(VIEW), project(VIEW, positions)), positions)
    behind = np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]])
    assert np.isnan(project(behind, np.array([[200.0, 0]]))).all()
    assert np.isinf(errors_px(np.zeros((3, 3)), positions.astype(np.float32), positions.astype(np.float32))).all()


@pytest.mark.parametrize(
    ("view", "faults"),
    [
        (np.diag([-1.0, 1, 1]), {ViewFault.INSIDE_OUT}),
        (np.diag([30.0, 30, 1]), {ViewFault.SCALED}),
        (np.diag([0.02, 0.02, 1]), {ViewFault.SCALED}),
        (np.diag([6.0, 1, 1]), {ViewFault.STRETCHED}),
        (np.array([[1, 0.0, 0], [0, 1, 0], [0.02, 0, 1]]), {ViewFault.STRETCHED}),
        (np.array([[1, 1.0, 0], [1, 1, 0], [0, 0, 1]]), {ViewFault.LINE}),
        (
            np.array([[1, 0.0, 0], [0, 1, 0], [-0.01, 0, 1]]),
            {ViewFault.INSIDE_OUT, ViewFault.INFINITE, ViewFault.STRETCHED},
        ),
    ],
)
def test_a_view_that_no_camera_takes_is_refused(view: NDArray[np.float64], faults: set[ViewFault]) -> None:
    query = np.random.default_rng(5).uniform(0, 400, (50, 2)).astype(np.float32)
    with np.errstate(all="ignore"):
        hit = np.nan_to_num(project(view, query)).astype(np.float32)
    assert fault(view, query, hit) in faults


def test_a_quarter_turn_a_shift_and_a_real_perspective_are_no_fault() -> None:
    query = np.random.default_rng(5).uniform(0, 400, (50, 2)).astype(np.float32)
    for view in (np.eye(3), np.array([[0.0, -1, 400], [1, 0, 0], [0, 0, 1]]), VIEW, np.diag([0.25, 0.25, 1])):
        assert fault(view, query, project(view, query).astype(np.float32)) is None


@pytest.mark.parametrize(("pairs", "agreeing", "chance"), [(5, 5, 0.1), (20, 9, 0.01), (60, 58, 0.5), (30, 7, 1.0)])
def test_false_alarms_are_those_of_the_formula(pairs: int, agreeing: int, chance: float) -> None:
    slow = (pairs - 4) * comb(pairs, agreeing) * comb(agreeing, 4) * chance ** (agreeing - 4)
    assert log10_false_alarms(pairs, agreeing, chance_of_one=chance) == pytest.approx(log10(slow))


def test_false_alarms_bound_how_often_chance_agrees() -> None:
    """For one view given beforehand, n - 4 further pairs agree by chance at least so often: the binomial tail."""
    for n, k, p in [(30, 9, 0.01), (100, 12, 0.02), (12, 12, 0.2)]:
        tail = sum(comb(n - 4, i) * p**i * (1 - p) ** (n - 4 - i) for i in range(k - 4, n - 3))
        assert log10_false_alarms(n, k, chance_of_one=p) >= log10(tail * comb(n, 4))


def test_similarity_grows_with_evidence_from_a_half() -> None:
    assert [similarity_of(e) for e in (-9, 0, LEAST_EVIDENCE - 0.01)] == [0, 0, 0]
    grown = [similarity_of(e) for e in (LEAST_EVIDENCE, 10, 50, 900)]
    assert grown[0] == 0.5
    assert grown == sorted(set(grown))
    assert grown[-1] < 1


def test_points_that_only_lie_right_do_not_agree_unless_they_are_turned_and_sized_alike() -> None:
    picture = points_of(shapes(seed=2))
    assert agreement(picture, picture).similarity > 0.9
    turned = replace(picture, angles=picture.angles + np.float32(1.5))
    larger = replace(picture, sizes=picture.sizes * 3)
    for other in (turned, larger):
        assert agreement(picture, other).similarity == 0
