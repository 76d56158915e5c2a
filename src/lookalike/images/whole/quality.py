"""How much a picture has lost: by compression, as its file or its pixels tell, and by having been enlarged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.picture_format import PictureFormat

_BLOCKY, _QUALITY_OF_BLOCKY = 1.2, 60
_FULL_PALETTE, _SPECKLED, _QUALITY_OF_FEW_COLOURS = 250, 0.12, 60
"""Where so many colours are used, and more than this share of neighbours differ, a palette was made of a photo:
of photos on plain ground 0.16 and more do, of charts, boards and pages 0.07 at most."""

_SHARES = (0.18, 0.21, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.71, 0.84)
_LEAST_SIDE = 16
_MOST_SIDE = 512


def quality_of(
    data: bytes, image: Image.Image, image_format: PictureFormat, brightness: NDArray[np.float32] | None
) -> int:
    """From 1 to 100: of a JPEG by its tables; of what loses nothing 100, less where something was lost before.

    Then the grid of a JPEG shows in it, or a palette of few colours stands for the many of a photo.

    Args:
        data: the whole file.
        image: opened from it.
        image_format: of the file.
        brightness: shape (H, W), float32, in levels of 255; None where it is not known.
    """
    if (left := image_format.quality(data, image)) is not None:
        return left
    if _has_few_colours_for_many(image):
        return _QUALITY_OF_FEW_COLOURS
    return 100 if brightness is None or not _shows_grid(brightness) else _QUALITY_OF_BLOCKY


def _has_few_colours_for_many(image: Image.Image) -> bool:
    if image.mode != "P" or len(image.getcolors(256) or ()) < _FULL_PALETTE:
        return False
    places = np.asarray(image)
    return float((places[:, 1:] != places[:, :-1]).mean()) > _SPECKLED


def _shows_grid(brightness: NDArray[np.float32]) -> bool:
    """Whether steps across the edges of 8 x 8 blocks are larger than elsewhere."""
    if min(brightness.shape) < 4 * 8:
        return False
    for levels in (brightness, brightness.T):
        steps = np.abs(np.diff(levels, axis=1)).mean(axis=0)
        by_place = [float(steps[place::8].mean()) for place in range(8)]
        if by_place[7] <= _BLOCKY * max(by_place[:7]) + 0.05:
            return False
    return True


def real_share(brightness: NDArray[np.float32], *, quality: int) -> float:
    """The share of its pixels that would hold all its detail: the middle made small and large again stays the same.

    Args:
        brightness: shape (H, W), float32, levels of 255.
        quality: of its compression, whose traces are no detail.
    """
    height, width = brightness.shape
    high, wide = min(height, _MOST_SIDE), min(width, _MOST_SIDE)
    top, left = (height - high) // 2, (width - wide) // 2
    middle = Image.fromarray(np.ascontiguousarray(brightness[top : top + high, left : left + wide]))
    levels = np.asarray(middle)
    lost_levels = 100 - quality
    traces = min(0.6 + lost_levels / 12, (0.1 + lost_levels / 200) * float(levels.std()))
    for share in _SHARES:
        size = round(wide * share), round(high * share)
        if min(size) < _LEAST_SIDE:
            continue
        again = middle.resize(size, Image.Resampling.LANCZOS).resize((wide, high), Image.Resampling.BICUBIC)
        lost = float(np.sqrt(np.square(np.asarray(again) - levels).mean()))
        if lost < traces:
            return share**2
    return 1.0
