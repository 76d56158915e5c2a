"""One view: the plane perspective that takes one picture into another, and which of those no camera can have taken."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.saying import ViewFault
from lookalike.images.features.points import Positions, opencv

Homography: TypeAlias = NDArray[np.float64]
"""shape (3, 3), float64, its last number 1: takes (x, y, 1) of the query to a multiple of (x', y', 1) of the hit."""

MOST_ERROR_PX = 3.0
MOST_SCALE = 12.0
MOST_STRETCH = 4.0
MOST_WARP = 16.0
LEAST_SPREAD_PX = 2.0

_ROUNDS = 2000
_CONFIDENCE = 0.999


def find_homography(query: Positions, hit: Positions) -> Homography | None:
    """The view that most pairs agree on, by MAGSAC++ with a fixed seed.

    Barath et al., "MAGSAC++, a fast, reliable and accurate robust estimator", CVPR 2020.

    Args:
        query: shape (M, 2), float32; the most trustworthy pair first.
        hit: shape (M, 2), float32.
    Returns:
        the homography, shape (3, 3), float64, or None where there are fewer than four pairs or none was found.
    """
    if len(query) < 4:
        return None
    cv2 = opencv()
    try:
        found, _ = cv2.findHomography(query, hit, _parameters())
    except cv2.error:  # pairs that all lie on one line, or on one place
        return None
    if found is None or not np.isfinite(found).all() or abs(found[2, 2]) < 1e-12:
        return None
    return np.asarray(found / found[2, 2], np.float64)


def _parameters() -> object:
    cv2 = opencv()
    parameters = cv2.UsacParams()
    parameters.confidence = _CONFIDENCE
    parameters.isParallel = False
    parameters.loIterations = 10
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    parameters.loSampleSize = 50
    parameters.maxIterations = _ROUNDS
    parameters.randomGeneratorState = 0
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.threshold = MOST_ERROR_PX
    parameters.final_polisher = cv2.MAGSAC
    parameters.final_polisher_iterations = 3
    return parameters


def project(homography: Homography, positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where positions come to lie.

    Args:
        homography: shape (3, 3), float64.
        positions: shape (M, 2), any float dtype.
    Returns:
        shape (M, 2), float64; NaN for those behind the camera.
    """
    mapped = np.column_stack([positions, np.ones(len(positions))]) @ homography.T
    depth = np.where(mapped[:, 2:] > 1e-9, mapped[:, 2:], np.nan)
    return np.asarray(mapped[:, :2] / depth)


def jacobians(homography: Homography, positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """How the neighbourhood of each position is turned and stretched.

    Args:
        homography: shape (3, 3), float64.
        positions: shape (M, 2), any float dtype.
    Returns:
        shape (M, 2, 2), float64.
    """
    mapped = np.column_stack([positions, np.ones(len(positions))]) @ homography.T
    x, y, depth = mapped.T
    rows = homography[None, :, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        above = rows[:, :2] - (np.stack([x, y], axis=1) / depth[:, None])[:, :, None] * rows[:, 2:]
        return np.asarray(above / depth[:, None, None])


def errors_px(homography: Homography, query: Positions, hit: Positions) -> NDArray[np.float64]:
    """How far each pair is from agreeing, in the picture in which it is farther.

    Args:
        homography: shape (3, 3), float64.
        query: shape (M, 2), float32.
        hit: shape (M, 2), float32.
    Returns:
        shape (M,), float64, in pixels; inf where it cannot be.
    """
    there = np.linalg.norm(project(homography, query) - hit, axis=1)
    back = np.linalg.norm(project(inverse(homography), hit) - query, axis=1)
    return np.asarray(np.nan_to_num(np.maximum(there, back), nan=np.inf))


def inverse(homography: Homography) -> Homography:
    """The way back. A homography that has none takes everything to NaN.

    Args:
        homography: shape (3, 3), float64.
    Returns:
        shape (3, 3), float64, a new array.
    """
    try:
        back = np.linalg.inv(homography)
    except np.linalg.LinAlgError:
        return np.full((3, 3), np.nan)
    return np.asarray(back / back[2, 2]) if abs(back[2, 2]) > 1e-12 else np.full((3, 3), np.nan)


FAULTS = {
    ViewFault.LINE: "flattened to a line",
    ViewFault.INFINITE: "bent to infinity",
    ViewFault.INSIDE_OUT: "turned inside out",
    ViewFault.SCALED: "scaled out of all proportion",
    ViewFault.STRETCHED: "stretched out of all proportion",
    ViewFault.BENT: "bent out of all proportion",
    ViewFault.ONE_LINE: "along one line only",
}
"""In words."""


def fault(homography: Homography, query: Positions, hit: Positions) -> ViewFault | None:
    """Why no camera can have taken this view; None where one can.

    Args:
        homography: shape (3, 3), float64: to be judged.
        query: shape (M, 2), float32: the agreeing points of the query.
        hit: shape (M, 2), float32: and of the hit.
    """
    if not np.isfinite(inverse(homography)).all():
        return ViewFault.LINE
    # areas[m], stretches[m]: by how much the neighbourhood of point m grows, and how unevenly
    bends = jacobians(homography, query)
    if not np.isfinite(bends).all():
        return ViewFault.INFINITE
    if (np.linalg.det(bends) <= 0).any():
        return ViewFault.INSIDE_OUT
    long, short = np.linalg.svd(bends, compute_uv=False).T
    if not 1 / MOST_SCALE <= np.sqrt(np.median(long * short)) <= MOST_SCALE:
        return ViewFault.SCALED
    if np.median(long / short) > MOST_STRETCH:
        return ViewFault.STRETCHED
    areas = long * short
    if areas.max() > MOST_WARP * areas.min():
        return ViewFault.BENT
    if min(_narrow_spread(query), _narrow_spread(hit)) < LEAST_SPREAD_PX:
        return ViewFault.ONE_LINE
    return None


def _narrow_spread(positions: Positions) -> float:
    """The deviation of positions in the direction in which they deviate least."""
    centred = positions - positions.mean(axis=0)
    return float(np.linalg.svd(centred, compute_uv=False)[-1] / np.sqrt(len(positions)))
