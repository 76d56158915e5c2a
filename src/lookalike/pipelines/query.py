"""What a search starts from: pictures, ids and sums of them.

A query is one term or several joined by ` + ` and ` - ` (with spaces), each with a weight in front if wanted:
`2*beach.jpg + sunset.jpg - people.jpg`. A term is a file, an http(s) URL, `-` (standard input), or the id of an indexed
picture or the beginning of one. The name of a file that exists is always that file, whatever signs it has.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadQuery
from lookalike.core.vectors import Pixels

_JOINT = re.compile(r"\s+([+-])\s+")
_WEIGHT = re.compile(r"(?P<weight>[0-9]*\.?[0-9]+)\s*\*\s*(?P<term>.+)", re.DOTALL)
LEAST_OF_AN_ID = 8
"""The beginning of an id must have this many digits."""

_ID = re.compile(r"[0-9a-f]{8,64}")


class SourceKind(Enum):
    """Where the picture of a term comes from."""

    FILE = "file"
    STANDARD_INPUT = "standard input"
    URL = "url"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Term:
    """One picture of a query.

    Attributes:
        kind: where it comes from.
        text: the path, URL or (beginning of an) id.
        weight: how much it counts; negative for "less like this".
    """

    kind: SourceKind
    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the query picture.

    Attributes:
        x, y: of the upper left corner, from the upper left of the upright picture.
        width, height: of the part.
        relative: shares of the picture (0 to 1) if True, pixels if False.
    """

    x: float
    y: float
    width: float
    height: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Read `x,y,w,h`: pixels as whole numbers (`10,20,300,200`), or shares with a point (`0.1,0,0.5,1.0`).

        Raises:
            BadQuery: when it is something else.
        """
        parts = [part.strip() for part in text.split(",")]
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
            raise BadQuery(
                f"expected a crop as x,y,width,height, for example 10,20,300,200 or 0.1,0,0.5,1.0, got {text!r}"
            )
        relative = any("." in part for part in parts)
        x, y, width, height = numbers
        crop = cls(x, y, width, height, relative=relative)
        if min(crop.x, crop.y) < 0 or min(crop.width, crop.height) <= 0:
            raise BadQuery(f"expected a crop that begins at 0 or more and is larger than nothing, got {text!r}")
        if relative and max(crop.x + crop.width, crop.y + crop.height) > 1 + 1e-9:
            raise BadQuery(f"expected shares of the picture that end at 1.0 at most, got {text!r}")
        return crop

    def cut(self, pixels: Pixels) -> Pixels:
        """The part of a picture, a new array. Raises as `box`."""
        left, upper, right, lower = self.box(width=pixels.shape[1], height=pixels.shape[0])
        return np.ascontiguousarray(pixels[upper:lower, left:right])

    def box(self, *, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, upper, right and lower edge in pixels of a picture of this size.

        Raises:
            BadQuery: when the crop begins outside or nothing of it is inside.
        """
        scale_x, scale_y = (width, height) if self.relative else (1, 1)
        left, upper = math.floor(self.x * scale_x), math.floor(self.y * scale_y)
        right = min(width, math.ceil((self.x + self.width) * scale_x))
        lower = min(height, math.ceil((self.y + self.height) * scale_y))
        if left >= right or upper >= lower:
            raise BadQuery(
                f"the crop {self.x:g},{self.y:g},{self.width:g},{self.height:g} lies outside of the picture, "
                f"which is {width} x {height}"
            )
        return left, upper, right, lower


def parse_query(text: str) -> list[Term]:
    """Read a query.

    Raises:
        BadQuery: when a term is none of the things that a query can be made of.
    """
    if not text.strip():
        raise BadQuery("expected a picture to search for: a file, a URL, an id, or - for standard input; got nothing")
    if text == "-" or os.path.exists(text):
        return [_term(text, weight=1.0)]
    parts = _JOINT.split(text.strip())
    signs = ["+", *parts[1::2]]
    return [_weighted(part, sign) for sign, part in zip(signs, parts[::2], strict=True)]


def combine(vectors: NDArray[np.float32], weights: list[float]) -> NDArray[np.float32]:
    """The weighted sum of unit vectors.

    Args:
        vectors: shape (N, D), float32, rows of length 1.
        weights: N of them.
    Returns:
        shape (1, D), float32, of any length but 0.
    Raises:
        BadQuery: when the terms cancel each other out.
    """
    total = np.asarray(weights, np.float64) @ vectors.astype(np.float64)
    if np.linalg.norm(total) < 1e-6 * np.abs(weights).sum():
        raise BadQuery("the terms of the query cancel each other out: nothing is left to search for")
    return (total / np.linalg.norm(total)).astype(np.float32)[None, :]


def _weighted(part: str, sign: str) -> Term:
    weight = 1.0
    if not os.path.exists(part) and (match := _WEIGHT.fullmatch(part)):
        weight, part = float(match["weight"]), match["term"]
    return _term(part, weight=-weight if sign == "-" else weight)


def _term(text: str, *, weight: float) -> Term:
    if text == "-":
        return Term(SourceKind.STANDARD_INPUT, text, weight)
    if os.path.exists(os.path.expanduser(text)):
        return Term(SourceKind.FILE, os.path.expanduser(text), weight)
    if re.match(r"https?://", text, re.IGNORECASE):
        return Term(SourceKind.URL, text, weight)
    if _ID.fullmatch(text):
        return Term(SourceKind.ID, text, weight)
    raise BadQuery(
        f"{text!r} is no file that exists, no http(s) URL, and no id of an indexed picture (8 to 64 of 0-9a-f)"
    )
