"""What happens to a picture before somebody asks for its original."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

Alter = Callable[[Image.Image, random.Random], Image.Image]


def cropped(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Half of the area, of the same shape, from anywhere."""
    width, height = round(picture.width * 0.5**0.5), round(picture.height * 0.5**0.5)
    left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def left_or_right(picture: Image.Image, chance: random.Random) -> Image.Image:
    """One of the two halves."""
    left = chance.choice((0, picture.width // 2))
    return picture.crop((left, 0, left + picture.width // 2, picture.height))


def jpeg_30(picture: Image.Image, _: random.Random) -> Image.Image:
    """A JPEG of quality 30."""
    return _as_jpeg(picture, quality=30)


def quarter_area(picture: Image.Image, _: random.Random) -> Image.Image:
    """Half of each side."""
    return picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)), Image.Resampling.BICUBIC)


def quarter_sides(picture: Image.Image, _: random.Random) -> Image.Image:
    """A quarter of each side."""
    return picture.resize((max(1, picture.width // 4), max(1, picture.height // 4)), Image.Resampling.BICUBIC)


def rotated(picture: Image.Image, _: random.Random) -> Image.Image:
    """Turned by 90 degrees."""
    return picture.transpose(Image.Transpose.ROTATE_90)


def screenshot(picture: Image.Image, chance: random.Random) -> Image.Image:
    """The picture in a window with a title bar, a border of a tenth all around, kept as a JPEG."""
    border, bar = max(8, picture.width // 10), max(12, picture.height // 12)
    shown = Image.new("RGB", (picture.width + 2 * border, picture.height + 2 * border + bar), _grey(chance, 40, 215))
    window = (border, border, border + picture.width, border + bar)
    ImageDraw.Draw(shown).rectangle(window, fill=_grey(chance, 225, 250))
    shown.paste(picture, (border, border + bar))
    return _as_jpeg(shown, quality=85)


ALTERATIONS: dict[str, Alter] = {
    "JPEG of quality 30": jpeg_30,
    "quarter of the size (half of each side)": quarter_area,
    "sixteenth of the size (quarter of each side)": quarter_sides,
    "crop of half the area": cropped,
    "left or right half": left_or_right,
    "rotation by 90 degrees": rotated,
    "screenshot with a border": screenshot,
}


def _as_jpeg(picture: Image.Image, *, quality: int) -> Image.Image:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality)
    return Image.open(target).convert("RGB")


def _grey(chance: random.Random, low: int, high: int) -> tuple[int, int, int]:
    level = chance.randint(low, high)
    return (level, level, level)
