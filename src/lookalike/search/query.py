"""What a search starts from: pictures, ids and sums of them.

A query is one term or several joined by ` + ` and ` - ` (with spaces), each with a weight in front if wanted:
`2*beach.jpg + sunset.jpg - people.jpg`. A term is a file, the `file://` URL of
one, an http(s) URL, `-` (standard input), or the id of an indexed picture or the beginning of one. The name of a file
that exists is always that file, whatever signs it has.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadQuery
from lookalike.core.records import LEAST_OF_AN_ID
from lookalike.core.vectors import Pixels

MOST_TERMS = 64

_WEIGHT = re.compile(r"(?P<weight>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*\*\s*(?P<term>\S.*)", re.DOTALL)
_ID = re.compile(f"[0-9a-f]{{{LEAST_OF_AN_ID},64}}")
_CROP_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


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
    Raises:
        BadQuery: when the numbers are no part of any picture.
    """

    x: float
    y: float
    width: float
    height: float
    relative: bool

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(number) for number in numbers) or min(self.x, self.y) < 0:
            raise BadQuery(f"expected a crop that begins at 0 or more, got {self}")
        if min(self.width, self.height) <= 0:
            raise BadQuery(f"expected a crop that is larger than nothing, got {self}")
        if self.relative and max(self.x + self.width, self.y + self.height) > 1 + 1e-9:
            raise BadQuery(f"expected shares of the picture that end at 1.0 at most, got {self}")

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g},{self.width:g},{self.height:g}"

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Read `x,y,w,h`: pixels as whole numbers (`10,20,300,200`), or shares with a point (`0.1,0,0.5,1.0`).

        Raises:
            BadQuery: when it is something else.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 4 or not all(_CROP_NUMBER.fullmatch(part) for part in parts):
            raise BadQuery(
                f"expected a crop as x,y,width,height, for example 10,20,300,200 or 0.1,0,0.5,1.0, got {text[:200]!r}"
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
        left, upper, right, lower = self.box(width=pixels.shape[1], height=pixels.shape[0])
        return np.array(pixels[upper:lower, left:right], order="C")

    def box(self, *, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, upper, right and lower edge in pixels of a picture of this size.

        Raises:
            BadQuery: when the crop begins outside of it.
        """
        left, right = self._edges(self.x, self.width, extent=width)
        upper, lower = self._edges(self.y, self.height, extent=height)
        if left >= right or upper >= lower:
            raise BadQuery(
                f"the crop {self} lies outside of the picture, which is {width} x {height}", code="crop_outside"
            )
        return left, upper, right, lower

    def _edges(self, start: float, length: float, *, extent: int) -> tuple[int, int]:
        """First pixel and the one after the last: each pixel of which a part is inside; 1e-6 of one is no part."""
        scale = extent if self.relative else 1
        first, last = min(start * scale, extent), min((start + length) * scale, extent)
        return math.floor(first + 1e-6), math.ceil(last - 1e-6)


def parse_query(text: str) -> list[Term]:
    """Read a query.

    Raises:
        BadQuery: when a term is none of the things that a query can be made of.
        FetchRefused: when the URL of a file is not one of this machine.
    """
    if not text.strip():
        raise BadQuery("expected a picture to search for: a file, a URL, an id, or - for standard input; got nothing")
    if _is_there(text):
        return [_term(text, weight=1.0)]
    terms: list[Term] = []
    for sign, part in _parts(text):
        if len(terms) == MOST_TERMS:
            raise BadQuery(f"expected at most {MOST_TERMS} pictures joined by + and -")
        terms.append(_weighted(part, sign))
    return terms


def combine(vectors: NDArray[np.float32], weights: list[float]) -> NDArray[np.float32]:
    """The weighted sum of unit vectors.

    Args:
        vectors: shape (N, D), float32, rows of length 1.
        weights: N of them.
    Returns:
        shape (1, D), float32, of length 1.
    Raises:
        BadQuery: when the terms cancel each other out.
    """
    largest = max(map(abs, weights))
    shares = np.asarray(weights, np.float64) / (largest or 1.0)
    total = shares @ vectors.astype(np.float64)
    length = np.linalg.norm(total)
    if length <= 1e-6 * np.abs(shares).sum():
        raise BadQuery(
            "the terms of the query cancel each other out: nothing is left to search for", code="query_cancels_out"
        )
    return (total / length).astype(np.float32)[None, :]


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Sign and text of each term: words between single + and -, except where words with such signs name a file."""
    words = list(re.finditer(r"\S+", text))
    sign, start = "+", 0
    while True:
        end = _end_of_term(text, words, start)
        if end == start:
            raise BadQuery(f"expected a picture after {sign!r} in {text[:200]!r}")
        yield sign, text[words[start].start() : words[end - 1].end()]
        if end == len(words):
            return
        sign, start = words[end].group(), end + 1


def _end_of_term(text: str, words: list[re.Match[str]], start: int) -> int:
    """The position of the sign after a term, or of the end. A sign where a term must begin is itself the term."""
    signs = [n for n in range(start + 1, len(words)) if words[n].group() in ("+", "-")]
    ends = [*signs[:MOST_TERMS], *([len(words)] if len(signs) <= MOST_TERMS and start < len(words) else [])]
    if not ends:
        return start
    for end in reversed(ends[1:]):
        if _is_there(_unweighted(text[words[start].start() : words[end - 1].end()])[1]):
            return end
    return ends[0]


def _weighted(part: str, sign: str) -> Term:
    weight, text = _unweighted(part)
    if not math.isfinite(weight):
        raise BadQuery(f"expected a weight that is a finite number, got {part[:40]!r}")
    return _term(text, weight=-weight if sign == "-" else weight)


def _unweighted(part: str) -> tuple[float, str]:
    if not _is_there(part) and (match := _WEIGHT.fullmatch(part)):
        return float(match["weight"]), match["term"]
    return 1.0, part


def is_id(text: str) -> bool:
    """Whether it can be an id, or the beginning of one."""
    return _ID.fullmatch(text) is not None


def _is_there(text: str) -> bool:
    return os.path.exists(os.path.expanduser(text))


def _term(text: str, *, weight: float) -> Term:
    if text == "-":
        return Term(SourceKind.STANDARD_INPUT, text, weight)
    if _is_there(text):
        return Term(SourceKind.FILE, os.path.expanduser(text), weight)
    if re.match(r"https?://", text, re.IGNORECASE):
        return Term(SourceKind.URL, text, weight)
    if text[:5].lower() == "file:":
        from lookalike.images.file_urls import path_of  # seldom needed

        return Term(SourceKind.FILE, path_of(text), weight)
    if _ID.fullmatch(text):
        return Term(SourceKind.ID, text, weight)
    raise BadQuery(
        f"{text[:200]!r} is no file that exists, no http(s) URL, and no id of an indexed picture "
        f"({LEAST_OF_AN_ID} to 64 of 0-9a-f)"
    )
