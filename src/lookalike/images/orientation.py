"""Turning pictures upright by the EXIF orientation."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Pixels

Value = TypeVar("Value", bound=np.generic)


def upright(pixels: Pixels, *, orientation: int) -> Pixels:
    """Turn stored pixels the way the picture is meant to be seen.

    Args:
        pixels: shape (H, W, 3), uint8, as stored.
        orientation: 1 to 8 (EXIF 2.32, tag 274): where the stored first row and first column belong.
    Returns:
        shape (H, W, 3), uint8, or (W, H, 3) for 5 to 8; C-contiguous; `pixels` itself where nothing is to be done.
    """
    return turn_upright(pixels, orientation=orientation)


def turn_upright(values: NDArray[Value], *, orientation: int) -> NDArray[Value]:
    """Turn values of any kind as `upright` turns pixels.

    Args:
        values: shape (H, W) or (H, W, C), any dtype.
        orientation: likewise.
    Returns:
        shape (H, W) or (H, W, C), or those with H and W exchanged for 5 to 8; the same dtype, C-contiguous.
    """
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def upright_size(width: int, height: int, *, orientation: int) -> tuple[int, int]:
    """Width and height after turning."""
    return (height, width) if orientation >= 5 else (width, height)
