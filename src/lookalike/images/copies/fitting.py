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


def fitted(ours: Levels, theirs: Levels) -> Fit:
    """Fit one small filter (5 x 5, of sum 1, the same everywhere) that makes ours most like theirs.

    Args:
        ours: shape (H, W).
        theirs: shape (H, W).
    """
    padded = np.pad(ours, _REACH, mode="edge")
    height, width = ours.shape
    reach = range(-_REACH, _REACH + 1)
    places = [(down, across) for down in reach for across in reach if (down, across) != (0, 0)]
    near = [
        padded[_REACH + down : _REACH + down + height, _REACH + across : _REACH + across + width]
        for down, across in places
    ]
    step = max(1, ours.size // _MOST_ROWS)
    chosen = np.arange(0, ours.size, step)
    steps = np.stack([(one.ravel() - ours.ravel())[chosen] for one in near], axis=1).astype(np.float64)
    wanted = (theirs - ours).ravel()[::step].astype(np.float64)
    damping = _DAMPING * len(wanted) * np.eye(len(places))
    weights = np.linalg.solve(steps.T @ steps + damping, steps.T @ wanted)
    made = ours * np.float32(1 - weights.sum())
    for weight, one in zip(weights, near, strict=True):
        made += np.float32(weight) * one
    return Fit(made, float(np.hypot(*(weights @ np.array(places)))))
