"""What the painters of the demo draw with: an antialiased canvas with gradients, glows, soft shadows and grain."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour: TypeAlias = tuple[int, ...]
"""Red, green, blue and, where it matters, opacity: 0 to 255."""

Point: TypeAlias = tuple[float, float]
Field: TypeAlias = NDArray[np.float32]
"""shape (H, W), float32: a value for each pixel of the finished picture."""

SUPERSAMPLING = 2
SOFT_REDUCTION = 8  # blurred shapes are drawn this much smaller: cheaper, and nobody sees it


def hsv(hue: float, saturation: float, value: float, opacity: float = 1.0) -> Colour:
    """Mix a colour; every argument runs from 0 to 1, and the hue wraps around."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255), round(opacity * 255)


def blend(start: Colour, end: Colour, share: float) -> Colour:
    """Mix two colours; share 0 gives `start`, 1 gives `end`; opaque."""
    return tuple(round(a + (b - a) * share) for a, b in zip(start[:3], end[:3], strict=True))


def oval(x: float, y: float, rx: float, ry: float, *, turn: float = 0.0, points: int = 72) -> list[Point]:
    """Give the outline of an ellipse, turned by `turn` radians."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    across, down = rx * np.cos(angles), ry * np.sin(angles)
    xs = x + across * np.cos(turn) - down * np.sin(turn)
    ys = y + across * np.sin(turn) + down * np.cos(turn)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def move(points: Iterable[Point], x: float, y: float, *, scale: float = 1.0, turn: float = 0.0) -> list[Point]:
    """Scale and turn points about the origin (`turn` in radians), then move them by (x, y)."""
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    return [(float(x + px * cos - py * sin), float(y + px * sin + py * cos)) for px, py in points]


def waves(rng: np.random.Generator, n: int, *, octaves: int = 5, first: float = 1.5) -> Field:
    """Give a smooth random line, shape (n,), float32, of values between -1 and 1, rougher with more octaves."""
    steps = np.linspace(0, 2 * np.pi, n)
    line = np.zeros(n)
    for octave in range(octaves):
        line += np.sin(steps * first * 1.9**octave + rng.uniform(0, 2 * np.pi)) / 1.9**octave
    return np.asarray(line / np.abs(line).max(), np.float32)


class Canvas:
    """A picture being painted, at twice its size.

    Coordinates: y runs from 0 at the top to 1 at the bottom, x from 0 at the left to `w`, the aspect ratio.

    Args:
        width: of the finished picture, in pixels.
        height: likewise.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.w = width / height
        self.unit = height * SUPERSAMPLING
        self.image = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def gradient(self, *colours: Colour, top: float = 0.0, bottom: float = 1.0) -> None:
        """Fill the band between two heights with colours that flow from top to bottom."""
        upper, lower = round(top * self.unit), round(bottom * self.unit)
        steps = np.linspace(0, len(colours) - 1, max(lower - upper, 1))
        ramp = np.stack([np.interp(steps, range(len(colours)), [c[i] for c in colours]) for i in range(3)], axis=-1)
        column = Image.fromarray(ramp.round().astype(np.uint8)[:, None, :])
        self.image.paste(column.resize((self.image.width, len(steps)), Image.Resampling.NEAREST), (0, upper))

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self.draw.polygon([(x * self.unit, y * self.unit) for x, y in points], fill=colour)

    def disc(self, x: float, y: float, r: float, colour: Colour, *, ry: float | None = None) -> None:
        """Fill a circle, or an upright ellipse where `ry` is given."""
        ry, u = r if ry is None else ry, self.unit
        self.draw.ellipse(((x - r) * u, (y - ry) * u, (x + r) * u, (y + ry) * u), fill=colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, radius: float = 0.0) -> None:
        """Fill a rectangle, with round corners where `radius` is given; nothing where it has no extent."""
        u = self.unit
        if x1 > x0 and y1 > y0:
            self.draw.rounded_rectangle(
                (x0 * u, y0 * u, max(x1 * u - 1, x0 * u), max(y1 * u - 1, y0 * u)), radius * u, fill=colour
            )

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line through points."""
        pixels = [(x * self.unit, y * self.unit) for x, y in points]
        self.draw.line(pixels, fill=colour, width=max(round(width * self.unit), 1), joint="curve")

    def text(self, x: float, y: float, words: str, *, size: float, colour: Colour, anchor: str = "la") -> None:
        """Write words; `anchor` as Pillow has it (`la`: x, y is the upper left corner; `mm`: the middle)."""
        font = font_of(max(round(size * self.unit), 4))
        self.draw.text((x * self.unit, y * self.unit), words, fill=colour, font=font, anchor=anchor)

    def glow(self, x: float, y: float, r: float, colour: Colour, *, strength: float = 1.0) -> None:
        """Add a round light that fades towards radius `r`."""
        side = max(round(2 * r * self.unit), 2)
        mask = _round_light().resize((side, side)).point([round(v * strength) for v in range(256)])
        corner = (round((x - r) * self.unit), round((y - r) * self.unit))
        self.image.paste(colour[:3], (*corner, corner[0] + side, corner[1] + side), mask)

    def soft(self, points: Sequence[Point], colour: Colour, *, blur: float) -> None:
        """Fill a polygon with a blurred edge: a shadow, a cloud; opacity as in `colour`."""
        unit, reach = self.unit / SOFT_REDUCTION, 3 * blur
        left, top = min(x for x, _ in points) - reach, min(y for _, y in points) - reach
        wide, high = max(x for x, _ in points) + reach - left, max(y for _, y in points) + reach - top
        small = Image.new("L", (max(round(wide * unit), 1), max(round(high * unit), 1)))
        opacity = colour[3] if len(colour) > 3 else 255
        ImageDraw.Draw(small).polygon([((x - left) * unit, (y - top) * unit) for x, y in points], fill=opacity)
        mask = small.filter(ImageFilter.GaussianBlur(blur * unit))
        mask = mask.resize((round(wide * self.unit), round(high * self.unit)), Image.Resampling.BILINEAR)
        corner = (round(left * self.unit), round(top * self.unit))
        self.image.paste(colour[:3], (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)

    def coordinates(self) -> tuple[Field, Field]:
        """Give x and y of every pixel of the finished picture, each of shape (height, width), float32."""
        x = np.linspace(0, self.w, self.width, dtype=np.float32)
        y = np.linspace(0, 1, self.height, dtype=np.float32)
        xs, ys = np.meshgrid(x, y)
        return xs, ys

    def clouds(self, rng: np.random.Generator, *, grains: int = 3, octaves: int = 4) -> Field:
        """Give fractal noise, shape (height, width), float32, 0 to 1, with about `grains` bumps down the picture."""
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            cells = grains * 2**octave
            grid = rng.random((cells + 2, round(cells * self.w) + 2), dtype=np.float32)
            smooth = Image.fromarray(grid).resize((self.width, self.height), Image.Resampling.BICUBIC)
            total += np.asarray(smooth) / 2**octave
        return np.asarray((total - total.min()) / np.ptp(total), np.float32)

    def map_colours(self, values: Field, colours: Sequence[Colour]) -> None:
        """Paint the whole canvas from values between 0 and 1 by way of a colour scale.

        Args:
            values: shape (height, width), float32.
            colours: at least two, of the values from 0 to 1.
        """
        stops = np.linspace(0, 255, len(colours))
        scale = np.stack([np.interp(np.arange(256), stops, [c[i] for c in colours]) for i in range(3)], axis=-1)
        self.paint(scale[np.clip(values * 255, 0, 255).astype(np.uint8)])

    def paint(self, pixels: NDArray[np.floating]) -> None:
        """Paint the whole canvas from values of shape (h, w, 3), 0 to 255, of any size.

        Args:
            pixels: shape (h, w, 3), any float dtype.
        """
        whole = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        self.image.paste(whole.resize(self.image.size, Image.Resampling.BILINEAR))

    def finish(self) -> Image.Image:
        """Scale down to the size of the finished picture."""
        return self.image.reduce(SUPERSAMPLING)

    def photograph(self, rng: np.random.Generator) -> Image.Image:
        """Scale down, then add uneven light, darker corners and grain, a little different each time."""
        pixels = np.array(self.finish(), np.float32)
        down = np.linspace(-1, 1, self.height, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, self.width, dtype=np.float32)[None, :]
        corners = rng.uniform(0, 0.12) * (down**2 + across**2)
        slope = rng.uniform(-0.07, 0.07) * across + rng.uniform(-0.05, 0.05) * down
        light = rng.uniform(0.93, 1.07) * (1 + slope - corners)
        pixels *= light.astype(np.float32)[..., None]
        grain = rng.standard_normal(light.shape, dtype=np.float32) * np.float32(rng.uniform(1, 5))
        pixels += grain[..., None]
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@lru_cache(maxsize=64)
def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give the font that comes with Pillow, `size` pixels high."""
    return ImageFont.load_default(size)


@lru_cache(maxsize=1)
def _round_light() -> Image.Image:
    steps = np.linspace(-1, 1, 256)
    distance = np.minimum(np.hypot(steps[:, None], steps[None, :]), 1)
    return Image.fromarray(np.round(255 * (1 - distance) ** 2).astype(np.uint8))
