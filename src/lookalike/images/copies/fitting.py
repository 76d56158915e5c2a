"""The blur and the fraction of a pixel that lie between a resized picture and our own way of resizing it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lookalike.images.copies.explaining import Levels

_MOST_ROWS = 60_000
_DAMPING = 1e-3
_REACH = 2


class Fit(NamedTuple):
    """A picture brought closer to another.

    Attributes:
        levels: shape (H, W), float32.
        moved: by how much of a pixel it was moved.
    """

    levels: Levels
    moved: float


def fit(ours: Levels, theirs: Levels) -> Fit:
    """Fit one small filter (5 x 5, of sum 1, the same everywhere) that makes ours most like theirs.

    Args:
        ours: shape (H, W), float32, in levels of 0 to 255.
        theirs: shape (H, W), float32, likewise.
    """
    padded = np.pad(ours, _REACH, mode="edge")
    height, width = ours.shape
    reach = range(-_REACH, _REACH + 1)
    places = [(down, across) for down in reach for across in reach if (down, across) != (0, 0)]
    flat, wide = padded.ravel(), padded.shape[1]
    chosen = np.arange(0, ours.size, max(1, ours.size // _MOST_ROWS))
    middles = (chosen // width + _REACH) * wide + chosen % width + _REACH
    # steps[n, i]: from pixel n of the chosen ones to its i-th neighbour
    steps = np.stack([flat[middles + down * wide + across] - flat[middles] for down, across in places], axis=1)
    steps = steps.astype(np.float64)
    wanted = (theirs.ravel()[chosen] - ours.ravel()[chosen]).astype(np.float64)
    damping = _DAMPING * len(wanted) * np.eye(len(places))
    weights = np.linalg.solve(steps.T @ steps + damping, steps.T @ wanted)
    made = ours * np.float32(1 - weights.sum())
    for weight, (down, across) in zip(weights, places, strict=True):
        top, left = _REACH + down, _REACH + across
        made += np.float32(weight) * padded[top : top + height, left : left + width]
    return Fit(made, float(np.hypot(*(weights @ np.array(places)))))
