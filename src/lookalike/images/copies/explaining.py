"""What compression explains of a difference in brightness: the same quality for the whole picture, in every tile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

TILE = 8
QUALITIES = (95, 85, 70, 50, 30, 18, 10, 6)
"""JPEG qualities that are tried, the finest first."""

_USUAL = 1.0
"""Of the tiles with structure, nine of ten differ by at most this times what the quality makes of them."""

_LEAST_STRUCTURE = 3.0
_FEWEST_TILES = 24
_FLOOR = 1.0
"""In levels of 255: what rounding explains anywhere."""

Levels = NDArray[np.float32]
"""shape (H, W), float32, 0 to 255."""


class Explanation(NamedTuple):
    """What explains a difference.

    Attributes:
        quality: the finest that explains the usual tile.
        worst: by how many times the least explained tile exceeds what that quality makes of it; infinite where even
            the coarsest does not explain the usual tile.
        structured: the share of tiles that have structure.
    """

    quality: int
    worst: float
    structured: float


def explanation(before: Levels, after: Levels) -> Explanation:
    """Find the quality that explains what differs, and the tile that it explains least.

    Args:
        before: shape (H, W), float32: brightness of the better picture, at the size of the other.
        after: shape (H, W), float32: of the other.
    """
    difference = box_mean(before - after, reach=1)
    tiles = [np.sqrt(tile_means(np.square(difference), shift=shift)) for shift in _SHIFTS]
    structure = np.sqrt(tile_means(np.square(before - box_mean(before, reach=3)), shift=0))
    chosen = structure >= _LEAST_STRUCTURE
    structured = float(chosen.mean())
    if np.count_nonzero(chosen) < _FEWEST_TILES:
        chosen = np.ones_like(structure, bool)
    low, high = 0, len(QUALITIES)
    made: dict[int, list[Levels]] = {}
    while low < high:  # the finest quality that explains the usual tile
        middle = (low + high) // 2
        made[middle] = _levels_changed_by(before, QUALITIES[middle])
        if np.percentile((tiles[0] / made[middle][0])[chosen], 90) <= _USUAL:
            high = middle
        else:
            low = middle + 1
    if low == len(QUALITIES):
        return Explanation(QUALITIES[-1], float("inf"), structured)
    worst = max(float((tile / usual).max()) for tile, usual in zip(tiles, made[low], strict=True))
    return Explanation(QUALITIES[low], worst, structured)


_SHIFTS = (0, TILE // 2)


def _levels_changed_by(before: Levels, quality: int) -> list[Levels]:
    """What a quality changes in and around each tile, at least the floor."""
    grey = np.clip(np.rint(before), 0, 255).astype(np.uint8)[:, :, None]
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(grey), quality=quality, colorspace="GRAY", fastdct=False)
    changed = np.square(box_mean(before - simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0], reach=1))
    return [
        np.sqrt(np.maximum(box_mean(tile_means(changed, shift=shift), reach=1), 0)) + np.float32(_FLOOR)
        for shift in _SHIFTS
    ]


def tile_means(values: Levels, *, shift: int) -> Levels:
    """Means of tiles of 8 x 8; the last row and column of tiles reach back from the edge, so that all is seen.

    Args:
        values: shape (H, W), float32.
        shift: of the tiles, in pixels, down and to the right.
    Returns:
        shape (h, w), float32: a value for each tile.
    """
    return np.asarray(_means(_means(values, shift).T, shift).T)


def _means(values: Levels, shift: int) -> Levels:
    """Means of each 8 rows, from `shift` on; the last 8 too."""
    rows = len(values)
    if rows < TILE + shift:
        return np.asarray(values.mean(axis=0, keepdims=True), np.float32)
    count = (rows - shift) // TILE
    whole: Levels = values[shift : shift + count * TILE].reshape(count, TILE, -1).mean(axis=1)
    return np.asarray(np.concatenate([whole, values[-TILE:].mean(axis=0, keepdims=True)]), np.float32)


def box_mean(values: Levels, *, reach: int) -> Levels:
    """Each value's mean with those up to `reach` around it; beyond the edge, the edge goes on.

    Args:
        values: shape (H, W), float32.
        reach: in pixels.
    Returns:
        shape (H, W), float32, a new array.
    """
    padded = np.pad(values, reach, mode="edge")
    down = _sums_of_rows(padded, 2 * reach + 1)
    across = _sums_of_rows(down.T, 2 * reach + 1)
    return np.asarray(across.T / np.float32((2 * reach + 1) ** 2), np.float32)


def _sums_of_rows(values: Levels, count: int) -> Levels:
    """Of each row and the `count` - 1 below it."""
    rows = len(values) - count + 1
    sums = values[:rows].copy()
    for start in range(1, count):
        sums += values[start : start + rows]
    return sums
