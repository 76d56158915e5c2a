"""The wide stem computes the same sums as the plain one."""

from __future__ import annotations

import numpy as np

from lookalike.models.wide_stem import COLUMNS, widen


def _convolved(image: np.ndarray, weight: np.ndarray, *, steps: tuple[int, int]) -> np.ndarray:
    """A plain loop: channels last, padded by zeros below and right."""
    outputs, _, rows, columns = weight.shape
    height, width = image.shape[0] // steps[0], image.shape[1] // steps[1]
    padded = np.pad(image, ((0, rows), (0, columns), (0, 0)))
    result = np.zeros((height, width, outputs), np.int64)
    for y in range(height):
        for x in range(width):
            patch = padded[y * steps[0] : y * steps[0] + rows, x * steps[1] : x * steps[1] + columns]
            result[y, x] = np.einsum("yxc,ocyx->o", patch, weight)
    return result


def test_four_columns_at_a_time_give_the_same_sums() -> None:
    side, outputs = 16, 5
    generator = np.random.default_rng(0)
    image = generator.integers(-127, 128, (side, side, 3)).astype(np.int64)
    weight = generator.integers(-63, 64, (outputs, 3, 3, 3)).astype(np.int8)

    grouped = image.reshape(side, side // (2 * COLUMNS), 2 * COLUMNS * 3)
    wide = _convolved(grouped, widen(weight).astype(np.int64), steps=(2, 1))

    assert np.array_equal(
        wide.reshape(side // 2, side // 2, outputs), _convolved(image, weight.astype(np.int64), steps=(2, 2))
    )
