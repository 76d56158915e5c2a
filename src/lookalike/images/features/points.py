"""The points of a picture that are found again in a copy: OpenCV's SIFT, compared as RootSIFT.

SIFT: Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004. RootSIFT: Arandjelović and
Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012: a descriptor divided by the sum
of its numbers, then the square root of each. This folder is the only home of OpenCV.

OpenCV's number of threads belongs to the whole process and is left as it is: where several threads ask at once, all but
one of them are answered without OpenCV's own threads, so cores are not asked for twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.core.errors import needing
from lookalike.core.vectors import Pixels

if TYPE_CHECKING:
    from types import ModuleType

Positions: TypeAlias = NDArray[np.float32]
"""shape (P, 2), float32: x to the right and y downwards in pixels, (0, 0) the centre of the first pixel."""

SIDE = 640
MOST_POINTS = 1000
LEAST_POINTS = 8
"""A picture with fewer points is too plain to be told from another."""

_LEAST_SIDE = 8
_UNIT = 512.0
"""The length of a descriptor, as SIFT has it: its numbers then use the whole of a byte, and rarely more."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points of one picture, seen at a size of its own.

    Attributes:
        positions: shape (P, 2), float32, at the size seen.
        sizes: shape (P,), float32: across, in pixels of the size seen.
        angles: shape (P,), float32: in radians, from x towards y.
        descriptors: shape (P, 128), uint8: RootSIFT, of length 512 but for rounding.
        width, height: of the picture at the size seen.
        to_own: shape (3, 3), float64: takes a position at the size seen to one in the picture's own pixels.
    """

    positions: Positions
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    width: int
    height: int
    to_own: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def plain(self) -> bool:
        """Whether there are too few points to compare the picture by."""
        return len(self) < LEAST_POINTS

    @property
    def size_bytes(self) -> int:
        """What the arrays take in memory."""
        arrays = (self.positions, self.sizes, self.angles, self.descriptors, self.to_own)
        return sum(array.nbytes for array in arrays)


def opencv() -> ModuleType:
    """OpenCV, imported when it is first needed.

    Raises:
        MissingExtra: when it is not installed.
    """
    with needing("opencv", extra="features", purpose="comparing pictures by local features"):
        import cv2
    return cv2


def points_of(pixels: Pixels, *, side: int = SIDE) -> Points:
    """Find the points of a picture, the most contrasted first where there are too many. Thread-safe.

    The same pixels give the same points. At 640 pixels it takes some 70 ms of one core, at 480 some 40.

    Args:
        pixels: shape (H, W, 3), uint8 RGB, of any size.
        side: the longer side is scaled down to so many pixels; never enlarged.
    Returns:
        at most `MOST_POINTS` points; none for a picture that is plain, or only a few pixels wide.
    Raises:
        MissingExtra: when OpenCV is not installed.
    """
    cv2 = opencv()
    grey = _grey(pixels, side=side)
    height, width = grey.shape
    to_own = scaling_matrix(pixels.shape[1] / width, pixels.shape[0] / height)
    if min(width, height) < _LEAST_SIDE:
        return _points([], np.empty((0, 128), np.float32), width, height, to_own)
    keypoints, descriptors = cv2.SIFT_create(MOST_POINTS, enable_precise_upscale=True).detectAndCompute(grey, None)
    if descriptors is None:
        return _points([], np.empty((0, 128), np.float32), width, height, to_own)
    # OpenCV may give a few more than asked for, where the last ones are equally contrasted
    return _points(keypoints[:MOST_POINTS], descriptors[:MOST_POINTS], width, height, to_own)


def _grey(pixels: Pixels, *, side: int) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels).convert("L")
    if max(image.size) > side:
        factor = side / max(image.size)
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(image, np.uint8)


def _points(
    keypoints: list[object], descriptors: NDArray[np.float32], width: int, height: int, to_own: NDArray[np.float64]
) -> Points:
    # values[p]: x, y, size, angle in degrees
    values = np.array([(*k.pt, k.size, k.angle) for k in keypoints], np.float32).reshape(-1, 4)  # type: ignore[attr-defined]
    return Points(
        positions=values[:, :2].copy(),
        sizes=values[:, 2].copy(),
        angles=np.deg2rad(values[:, 3]),
        descriptors=_root(descriptors),
        width=width,
        height=height,
        to_own=to_own,
    )


def _root(descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    sums = descriptors.sum(axis=1, keepdims=True)
    rooted = np.sqrt(descriptors / np.where(sums > 0, sums, 1))
    return np.minimum(np.rint(rooted * _UNIT), 255).astype(np.uint8)


def scaling_matrix(x: float, y: float) -> NDArray[np.float64]:
    """What enlarges positions, shape (3, 3), float64; the middle of a pixel is its half: (p + 0.5) * x - 0.5."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)
