"""The part of a picture that is meant."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from lookalike.core.arguments import Kind, check_argument, checks_arguments
from lookalike.core.errors import BadInput, BadQuery
from lookalike.core.vectors import Pixels

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the query picture.

    Attributes:
        x, y: of the upper left corner, from the upper left of the upright picture.
        width, height: of the part.
        relative: shares of the picture (0 to 1) if True, pixels if False.
    Raises:
        BadQuery: when the numbers are no part of any picture.
        BadInput: when they are no numbers.
    """

    x: float
    y: float
    width: float
    height: float
    relative: bool

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height"):
            check_argument(getattr(self, name), name, [Kind.NUMBER])
        check_argument(self.relative, "relative", [Kind.FLAG])
        numbers = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(number) for number in numbers) or min(self.x, self.y) < 0:
            raise BadQuery(f"expected a crop that begins at 0 or more, got {self}; count from the upper left corner")
        if min(self.width, self.height) <= 0:
            raise BadQuery(
                f"expected a crop that is larger than nothing, got {self}"
                "; widen it, or leave it out for the whole picture"
            )
        if self.relative and max(self.x + self.width, self.y + self.height) > 1 + 1e-9:
            raise BadQuery(
                f"expected shares of the picture that end at 1.0 at most, got {self}"
                "; make it smaller, or count in pixels"
            )

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g},{self.width:g},{self.height:g}"

    @classmethod
    @checks_arguments()
    def parse(cls, text: str) -> Crop:
        """Read `x,y,w,h`: pixels as whole numbers (`10,20,300,200`), or shares with a point (`0.1,0,0.5,1.0`).

        Raises:
            BadQuery: when it is something else.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 4 or not all(_NUMBER.fullmatch(part) for part in parts):
            raise BadQuery(
                f"expected a crop as x,y,width,height, for example 10,20,300,200 or 0.1,0,0.5,1.0, got {text[:200]!r}"
                "; leave it out for the whole picture"
            )
        x, y, width, height = map(float, parts)
        return cls(x, y, width, height, relative="." in text)

    def cut(self, pixels: Pixels) -> Pixels:
        """The part of a picture. Raises as `box`.

        Args:
            pixels: shape (H, W, 3), uint8 RGB.
        Returns:
            shape (h, w, 3), uint8 RGB, C-contiguous, a new array.
        """
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 3:
            raise BadInput(
                f"expected an array of shape (H, W, 3) to cut from, got {type(pixels).__name__} of shape "
                f"{getattr(pixels, 'shape', 'none')}; decode the picture first"
            )
        left, upper, right, lower = self.box(width=pixels.shape[1], height=pixels.shape[0])
        return np.array(pixels[upper:lower, left:right], order="C")

    @checks_arguments()
    def box(self, *, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, upper, right and lower edge in pixels of a picture of this size.

        Raises:
            BadQuery: when the crop begins outside of it.
        """
        left, right = self._edges(self.x, self.width, extent=width)
        upper, lower = self._edges(self.y, self.height, extent=height)
        if left >= right or upper >= lower:
            raise BadQuery(
                f"expected a crop inside of the picture, which is {width} x {height}, but {self} lies outside; move it",
                code="crop_outside",
            )
        return left, upper, right, lower

    def _edges(self, start: float, length: float, *, extent: int) -> tuple[int, int]:
        """First pixel and the one after the last: each pixel of which a part is inside; 1e-6 of one is no part."""
        scale = extent if self.relative else 1
        first, last = min(start * scale, extent), min((start + length) * scale, extent)
        return math.floor(first + 1e-6), math.ceil(last - 1e-6)
