"""Hard strangers: pictures that look like copies of another and are not."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from benchmarks.duplicates.drawn import font, words

Alter = Callable[[Image.Image, random.Random], Image.Image]
FEWEST_LEVELS = 12.0
"""What differs nowhere by more is left out: a grey photo made grey."""


def meme(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A line of text over the picture."""
    made = picture.copy()
    size = max(14, made.height // 10)
    draw = ImageDraw.Draw(made)
    draw.text((6, 4), words(chance, 3).upper(), fill="white", font=font(size), stroke_width=2, stroke_fill="black")
    return made


def date_stamp(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A small date in a corner, as cameras print it."""
    made = picture.copy()
    date = f"{chance.randint(1, 28):02d}.{chance.randint(1, 12):02d}.{chance.randint(2001, 2024)}"
    ImageDraw.Draw(made).text((made.width - 85, made.height - 20), date, fill=(255, 150, 40), font=font(14))
    return made


def other_hue(picture: Image.Image, chance: random.Random) -> Image.Image:
    hsv = np.asarray(picture.convert("HSV")).copy()
    hsv[..., 0] = hsv[..., 0] + np.uint8(chance.randint(18, 238))
    return Image.fromarray(hsv, "HSV").convert("RGB")


def grey(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def brighter(picture: Image.Image, chance: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(chance.choice((0.8, 0.88, 1.12, 1.2)))


def contrast(picture: Image.Image, chance: random.Random) -> Image.Image:
    return ImageEnhance.Contrast(picture).enhance(chance.choice((0.8, 1.25)))


def saturated(picture: Image.Image, chance: random.Random) -> Image.Image:
    return ImageEnhance.Color(picture).enhance(chance.choice((0.6, 1.5)))


def warmer(picture: Image.Image, chance: random.Random) -> Image.Image:
    gains = chance.choice(((1.08, 1.0, 0.88), (0.9, 1.0, 1.1)))
    return Image.fromarray(np.clip(np.asarray(picture) * np.array(gains), 0, 255).astype(np.uint8))


def next_frame(picture: Image.Image, chance: random.Random) -> Image.Image:
    """The next of a burst, by hand: a shift of some pixels, other noise, a little other exposure."""
    across, down = chance.choice((-1, 1)) * chance.uniform(1.5, 6), chance.choice((-1, 1)) * chance.uniform(0.7, 4)
    edge = 8
    padded = Image.fromarray(np.pad(np.asarray(picture), ((edge, edge), (edge, edge), (0, 0)), mode="reflect"))
    left, top = edge + across, edge + down
    box = left, top, left + picture.width, top + picture.height
    return noisy(padded.resize(picture.size, Image.Resampling.BICUBIC, box=box), chance)


def something_moved(picture: Image.Image, chance: random.Random) -> Image.Image:
    """The next of a burst, on a tripod: other noise, and a small part has moved."""
    side = max(24, min(picture.size) // 8)
    left, top = chance.randint(4, picture.width - side - 12), chance.randint(4, picture.height - side - 12)
    made = picture.copy()
    made.paste(picture.crop((left, top, left + side, top + side)), (left + 7, top + 5))
    return noisy(made, chance)


def noisy(picture: Image.Image, chance: random.Random) -> Image.Image:
    noise = np.random.default_rng(chance.getrandbits(32)).normal(0, 3, (*picture.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).round().astype(np.uint8))


def retouched(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A part replaced by another part of the picture."""
    side = max(20, min(picture.size) // 10)
    there = (chance.randint(0, picture.width - side), chance.randint(0, picture.height - side))
    here = (chance.randint(0, picture.width - side), chance.randint(0, picture.height - side))
    made = picture.copy()
    made.paste(picture.crop((*there, there[0] + side, there[1] + side)), here)
    return made


STRANGERS: Mapping[str, Alter] = MappingProxyType(
    {
        "text over it": meme,
        "a date stamped": date_stamp,
        "another hue": other_hue,
        "grey": grey,
        "brighter or darker": brighter,
        "other contrast": contrast,
        "other saturation": saturated,
        "warmer or colder": warmer,
        "the next of a burst, by hand": next_frame,
        "the next of a burst, something moved": something_moved,
        "a part replaced": retouched,
    }
)
"""Name of a way to alter a picture -> what does it, for an RGB picture."""


def differs(one: Image.Image, other: Image.Image) -> bool:
    """Whether the eye can tell them apart: brightness in some 8 x 8 pixels, or a channel in some 24 x 24 pixels."""
    if one.size != other.size:
        return True
    return _most(one.convert("L"), other.convert("L"), 8) > FEWEST_LEVELS or _most(one, other, 24) > FEWEST_LEVELS


def _most(one: Image.Image, other: Image.Image, side: int) -> float:
    """The largest difference of the means of tiles."""
    high, wide = one.height // side * side, one.width // side * side
    difference = np.asarray(one, np.float32)[:high, :wide] - np.asarray(other, np.float32)[:high, :wide]
    return float(np.abs(difference.reshape(high // side, side, wide // side, side, -1).mean(axis=(1, 3))).max())
