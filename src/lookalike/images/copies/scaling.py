"""Bringing the larger of two pictures to the size of the smaller, as whoever made it may have done."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.core.vectors import Pixels

LEAST_SHARE = 0.24
"""A copy's sides are at least this share of the other's: a quarter, rounded. Below, words can no longer be read."""

LEAST_PIXELS = 2_700
"""Of the smaller one: a copy of some 75 x 36 pixels. In fewer a small date in a corner is lost."""

_ROUNDING = 1.01
"""In pixels: by how much a side may differ from what the other side's share makes of it."""

_FILTERS = (
    Image.Resampling.LANCZOS,
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BOX,
    Image.Resampling.NEAREST,
)
_TRIED_SIDE = 192
"""In pixels of the smaller picture: the filter is chosen on a square of this side in the middle."""


class Size(NamedTuple):
    """Width and height in pixels, upright."""

    width: int
    height: int


def can_be_copies(ours: Size, theirs: Size) -> bool:
    """Whether two sizes are those of a picture and its copy: the same, or the same proportions and not too small."""
    small, large = sorted((ours, theirs), key=lambda size: size.width * size.height)
    if small == large:
        return True
    share = max(small.width / large.width, small.height / large.height)
    has_same_form = (
        abs(large.width * small.height / large.height - small.width) <= _ROUNDING
        or abs(large.height * small.width / large.width - small.height) <= _ROUNDING
    )
    return has_same_form and share >= LEAST_SHARE and small.width * small.height >= LEAST_PIXELS


def brought_to(large: Pixels, small: Pixels) -> Pixels:
    """A picture at the size of another, by the filter that comes closest to the other.

    Args:
        large: shape (H, W, 3), uint8 RGB: mostly the larger one.
        small: shape (h, w, 3), uint8 RGB, of the same proportions.
    Returns:
        shape (h, w, 3), uint8; `large` itself where it has that size.
    """
    if large.shape == small.shape:
        return large
    size = Size(small.shape[1], small.shape[0])
    image = Image.fromarray(large)
    return np.asarray(image.resize(size, _likeliest_filter(image, small)))


def _likeliest_filter(large: Image.Image, small: Pixels) -> Image.Resampling:
    height, width = small.shape[:2]
    wide, high = min(width, _TRIED_SIDE), min(height, _TRIED_SIDE)
    left, top = (width - wide) // 2, (height - high) // 2
    tried = small[top : top + high, left : left + wide].astype(np.float32)
    across, down = large.width / width, large.height / height
    box = left * across, top * down, min(large.width, (left + wide) * across), min(large.height, (top + high) * down)

    def error(method: Image.Resampling) -> float:
        made: NDArray[np.uint8] = np.asarray(large.resize((wide, high), method, box=box))
        return float(np.square(made - tried).mean())

    return min(_FILTERS, key=error)
