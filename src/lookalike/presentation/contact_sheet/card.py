"""A card: one picture of a contact sheet with what is written under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from lookalike.core.vectors import Pixels

GONE = "file is gone"


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One picture of a sheet.

    Attributes:
        pixels: shape (H, W, 3), uint8 RGB, any size; None where the file could not be read any more.
        caption: the first line, mostly a rank and a name; need not be safe.
        lines: further lines; need not be safe.
        similarity: cosine, higher is closer; None for pictures that are not hits.
        href: what a click opens, `http://`, `https://` or `file:///`; anything else is not linked.
    """

    pixels: Pixels | None
    caption: str
    lines: Sequence[str] = ()
    similarity: float | None = None
    href: str | None = None


def thumbnail(pixels: Pixels, *, width: int, height: int) -> Image.Image:
    """Scale a picture down into a box, keeping its proportions; a smaller one stays as it is.

    Args:
        pixels: shape (H, W, 3), uint8 RGB.
        width: likewise.
        height: of the box, in pixels.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image
