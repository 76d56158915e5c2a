"""What happens to pictures in real life: a part is cut out, the picture is turned, a window shows it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from PIL import Image

from lookalike.demo.brush import Canvas, blend, hsv, oval

SCREEN = (640, 460)
TITLE_BAR = 0.075

Part: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height of a part of a picture, as shares of it."""


def crop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cut out a part that holds between a third and two thirds of the picture's area."""
    share = rng.uniform(0.35, 0.65) ** 0.5
    wide, high = round(picture.width * share), round(picture.height * share)
    left, top = int(rng.integers(picture.width - wide + 1)), int(rng.integers(picture.height - high + 1))
    return picture.crop((left, top, left + wide, top + high))


def rotate(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turn by 90, 180 or 270 degrees."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return picture.transpose(turns[int(rng.integers(len(turns)))])


def screenshot(picture: Image.Image, rng: np.random.Generator, *, title: str) -> tuple[Image.Image, Part]:
    """Show the picture in a window with a title bar, on a desktop; and tell where in it the picture is."""
    canvas = Canvas(*SCREEN)
    hue, dark = rng.random(), rng.random() < 0.5
    canvas.gradient(hsv(hue, 0.5, 0.75), hsv(hue + 0.12, 0.6, 0.45))
    canvas.shape(oval(canvas.w * rng.random(), 1.1, 0.9, 0.6, turn=0.4), hsv(hue + 0.06, 0.5, 0.7, 0.5))
    bar = (52, 53, 60) if dark else (232, 232, 236)
    left, top, wide, high = _window_of(canvas, picture, rng)
    right, bottom = left + wide, top + TITLE_BAR + high
    outline = [(left, top + 0.02), (right, top + 0.02), (right, bottom + 0.02), (left, bottom + 0.02)]
    canvas.soft(outline, (0, 0, 0, 170), blur=0.03)
    canvas.box(left - 0.004, top - 0.004, right + 0.004, bottom + 0.008, blend(bar, (0, 0, 0), 0.2), radius=0.02)
    canvas.box(left, top, right, bottom, bar, radius=0.016)
    for i, colour in enumerate(((255, 95, 87), (254, 188, 46), (40, 200, 64))):
        canvas.disc(left + 0.035 + 0.04 * i, top + TITLE_BAR / 2, 0.013, colour)
    ink = (225, 225, 230) if dark else (70, 70, 78)
    canvas.text((left + right) / 2 + 0.04, top + TITLE_BAR / 2, title, size=0.034, colour=ink, anchor="mm")
    shown = picture.resize((round(wide * canvas.unit), round(high * canvas.unit)), Image.Resampling.BILINEAR)
    canvas.image.paste(shown, (round(left * canvas.unit), round((top + TITLE_BAR) * canvas.unit)))
    return canvas.finish(), (left / canvas.w, top + TITLE_BAR, wide / canvas.w, high)


def _window_of(canvas: Canvas, picture: Image.Image, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Give left, top, width and height, the height without the title bar."""
    high = min(rng.uniform(0.68, 0.82), 0.94 * canvas.w * picture.height / picture.width)
    wide = high * picture.width / picture.height
    left = (canvas.w - wide) * rng.uniform(0.25, 0.75)
    top = (1 - high - TITLE_BAR) * rng.uniform(0.3, 0.7)
    return left, top, wide, high
