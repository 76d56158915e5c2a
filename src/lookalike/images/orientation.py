"""Turning pictures upright by the EXIF orientation."""

from __future__ import annotations

import numpy as np

from lookalike.core.vectors import Pixels


def upright(pixels: Pixels, *, orientation: int) -> Pixels:
    """Turn stored pixels the way the picture is meant to be seen.

    Args:
        pixels: shape (H, W, 3), uint8, as stored.
        orientation: 1 to 8 (EXIF 2.32, tag 274): where the stored first row and first column belong.
    Returns:
        shape (H, W, 3), or (W, H, 3) for 5 to 8; C-contiguous; `pixels` itself where nothing is to be done.
    """
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def upright_size(width: int, height: int, *, orientation: int) -> tuple[int, int]:
    """Width and height after turning."""
    return (height, width) if orientation >= 5 else (width, height)
