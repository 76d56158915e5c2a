"""Painters of places: sunset, mountains, forest, skyline, galaxy, dunes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lookalike.demo.brush import Canvas, Colour, Point, blend, hsv, move, oval, waves


def sunset(canvas: Canvas, rng: np.random.Generator) -> None:
    """The sun over a sea, its light on the water, clouds, now and then a boat."""
    hue, horizon, sun_x = rng.uniform(0.01, 0.09), rng.uniform(0.52, 0.68), rng.uniform(0.25, 0.75) * canvas.w
    high, low = hsv(hue - rng.uniform(0.15, 0.35), 0.6, rng.uniform(0.3, 0.6)), hsv(hue + 0.05, 0.65, 1)
    canvas.gradient(high, hsv(hue - 0.03, 0.75, 0.9), low, bottom=horizon)
    radius = rng.uniform(0.06, 0.11)
    sun_y = horizon - rng.uniform(-0.3, 1.4) * radius
    canvas.glow(sun_x, sun_y, 0.7, hsv(hue + 0.06, 0.4, 1), strength=0.8)
    canvas.disc(sun_x, sun_y, radius, hsv(hue + 0.09, 0.25, 1))
    for _ in range(rng.integers(2, 6)):
        x, y = rng.uniform(0, canvas.w), rng.uniform(0.08, horizon - 0.12)
        shade = blend(high, hsv(hue, 0.6, 1), rng.uniform(0.2, 0.9))
        canvas.soft(oval(x, y, rng.uniform(0.15, 0.45), rng.uniform(0.008, 0.03)), (*shade, 190), blur=0.02)
    canvas.gradient(blend(low, high, 0.35), blend(high, (10, 20, 50), 0.6), top=horizon)
    _glitter(canvas, rng, sun_x, horizon, hsv(hue + 0.07, 0.4, 1, 0.75))
    if rng.random() < 0.5:
        _sailing_boat(
            canvas, rng.uniform(0.2, 0.8) * canvas.w, horizon + rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.2)
        )


def _glitter(canvas: Canvas, rng: np.random.Generator, x: float, top: float, colour: Colour) -> None:
    for y in np.linspace(top + 0.005, 0.99, 60):
        depth = (y - top) / (1 - top)
        half = (0.05 + 0.16 * depth) * rng.uniform(0.2, 1)
        middle = x + rng.normal(0, 0.025 + 0.05 * depth)
        canvas.stroke([(middle - half, y), (middle + half, y)], 0.003 + 0.006 * depth, colour)


def _sailing_boat(canvas: Canvas, x: float, y: float, size: float) -> None:
    dark = (25, 18, 35)
    canvas.shape(move([(-0.5, -0.15), (0.5, -0.15), (0.32, 0.05), (-0.35, 0.05)], x, y, scale=size), dark)
    canvas.shape(move([(0.02, -0.2), (0.02, -1.2), (0.5, -0.22)], x, y, scale=size), dark)
    canvas.shape(move([(-0.03, -0.2), (-0.03, -1.0), (-0.38, -0.22)], x, y, scale=size), dark)


def mountains(canvas: Canvas, rng: np.random.Generator) -> None:
    """Ranges behind one another, paler with distance, snow on the highest, sometimes a lake."""
    hue, evening = rng.uniform(0.52, 0.64), rng.random() < 0.35
    low = hsv(rng.uniform(0.02, 0.1), 0.35, 1) if evening else hsv(hue, 0.15, 0.98)
    canvas.gradient(hsv(hue, 0.65, 0.85), low, bottom=0.75)
    ranges = int(rng.integers(3, 6))
    for i in range(ranges):
        depth = (i + 1) / ranges
        base, height = 0.35 + 0.5 * depth, rng.uniform(0.12, 0.24) * (1.4 - depth)
        ridge = _ridge(canvas, rng, base, height)
        colour = blend(low, hsv(hue + rng.uniform(-0.25, 0.03) * depth, 0.55, 0.22), 0.25 + 0.75 * depth)
        canvas.shape([*ridge, (canvas.w, 1), (0, 1)], colour)
        if i < 2:
            _snow(canvas, rng, ridge, base - 0.1 * height, blend((255, 255, 255), colour, 0.12 + 0.2 * (1 - depth)))
    if rng.random() < 0.4:
        canvas.gradient(blend(low, hsv(hue, 0.6, 0.5), 0.35), hsv(hue, 0.7, 0.3), top=0.88)


def _ridge(canvas: Canvas, rng: np.random.Generator, base: float, height: float) -> list[Point]:
    n = 160
    peaks = 1 - 2 * np.abs(waves(rng, n, octaves=7, first=rng.uniform(0.8, 1.6)))
    line = base - height * peaks
    return list(zip(np.linspace(0, canvas.w, n).tolist(), line.tolist(), strict=True))


def _snow(canvas: Canvas, rng: np.random.Generator, ridge: list[Point], below: float, colour: Colour) -> None:
    edge = below + 0.05 * waves(rng, len(ridge), octaves=6, first=9)
    lower = [(x, max(y, min(float(e), y + 0.16))) for (x, y), e in zip(ridge, edge, strict=True)]
    canvas.shape([*ridge, *reversed(lower)], colour)


def forest(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rows of firs in mist."""
    hue = rng.uniform(0.28, 0.48)
    mist = hsv(hue + 0.08, rng.uniform(0.05, 0.25), rng.uniform(0.8, 0.97))
    canvas.gradient(blend(mist, hsv(hue + 0.2, 0.4, 0.9), 0.5), mist)
    canvas.glow(rng.uniform(0, canvas.w), 0.15, 0.6, (255, 250, 225), strength=0.8)
    rows = int(rng.integers(3, 6))
    for i in range(rows):
        depth = (i + 1) / rows
        colour = blend(mist, hsv(hue, 0.65, rng.uniform(0.13, 0.25)), depth**1.2)
        ground = 0.5 + 0.5 * depth
        size = 0.18 + 0.5 * depth * rng.uniform(0.8, 1.1)
        for x in np.arange(-0.1, canvas.w + 0.1, size * rng.uniform(0.2, 0.3)):
            _fir(
                canvas,
                rng,
                x + rng.normal(0, 0.02),
                ground + rng.uniform(-0.03, 0.03),
                size * rng.uniform(0.7, 1.15),
                colour,
            )
        canvas.box(0, ground - 0.05, canvas.w, 1, colour)


def _fir(canvas: Canvas, rng: np.random.Generator, x: float, y: float, height: float, colour: Colour) -> None:
    shade = blend(colour, (255, 255, 255), rng.uniform(0, 0.07))
    canvas.box(x - height * 0.015, y - height * 0.2, x + height * 0.015, y, shade)
    tiers = 6
    for i in range(tiers):
        top, half = y - height * (1 - i * 0.13), height * (0.06 + 0.028 * i)
        canvas.shape([(x, top), (x - half, top + height * 0.24), (x + half, top + height * 0.24)], shade)


def skyline(canvas: Canvas, rng: np.random.Generator) -> None:
    """A city at night: lit windows, the moon, stars, lights on the water."""
    hue, shore = rng.uniform(0.58, 0.78), rng.uniform(0.74, 0.86)
    canvas.gradient(
        hsv(hue, 0.8, 0.15), hsv(hue, 0.7, 0.4), hsv(hue + rng.uniform(0.05, 0.4), 0.55, 0.85), bottom=shore
    )
    for x, y in rng.random((90, 2)) * (canvas.w, 0.5):
        canvas.disc(x, y, rng.uniform(0.001, 0.003), (255, 255, 240, 200))
    moon = (rng.uniform(0.1, 0.9) * canvas.w, rng.uniform(0.1, 0.25))
    canvas.glow(*moon, 0.25, (255, 245, 215), strength=0.6)
    canvas.disc(*moon, rng.uniform(0.035, 0.06), (252, 246, 225))
    for far in (True, False):
        x = -rng.uniform(0, 0.1)
        while x < canvas.w:
            wide, high = rng.uniform(0.07, 0.16), rng.gamma(5, 0.075 if far else 0.05) + 0.05
            _tower(
                canvas,
                rng,
                x,
                shore,
                wide,
                min(high, shore - 0.12),
                hsv(hue, 0.5, 0.28 if far else 0.11),
                lit=0.3 if far else 0.5,
            )
            x += wide + rng.uniform(-0.01, 0.015)
    _reflect(canvas, rng, shore)


def _reflect(canvas: Canvas, rng: np.random.Generator, shore: float) -> None:
    line = round(shore * canvas.unit)
    above = np.asarray(canvas.image.crop((0, 2 * line - canvas.image.height, canvas.image.width, line)))[::-1]
    shifts = (rng.normal(0, 1, len(above)) * np.linspace(1, 9, len(above))).astype(int)
    shifts = np.repeat(shifts[::3], 3)[: len(above)]
    water = np.stack([np.roll(row, shift, axis=0) for row, shift in zip(above, shifts, strict=True)])
    canvas.image.paste(Image.fromarray(water // 2 + np.uint8(6)), (0, line))


def _tower(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    ground: float,
    wide: float,
    high: float,
    colour: Colour,
    *,
    lit: float,
) -> None:
    canvas.box(x, ground - high, x + wide, ground, colour)
    if rng.random() < 0.25:
        canvas.stroke([(x + wide / 2, ground - high), (x + wide / 2, ground - high - 0.08)], 0.004, colour)
    warm = hsv(rng.uniform(0.09, 0.15), rng.uniform(0.25, 0.6), 1)
    for wx in np.arange(x + 0.012, x + wide - 0.014, 0.02):
        for wy in np.arange(ground - high + 0.015, ground - 0.02, 0.028):
            if rng.random() < lit:
                canvas.box(wx, wy, wx + 0.01, wy + 0.015, blend(warm, colour, rng.uniform(0, 0.5)))


def galaxy(canvas: Canvas, rng: np.random.Generator) -> None:
    """A spiral galaxy seen at a slant, among stars."""
    x, y = canvas.coordinates()
    turn, flat, arms = rng.uniform(0, np.pi), rng.uniform(0.45, 0.9), int(rng.integers(2, 5))
    dx, dy = x - canvas.w * rng.uniform(0.4, 0.6), y - rng.uniform(0.42, 0.58)
    across, down = dx * np.cos(turn) + dy * np.sin(turn), (dy * np.cos(turn) - dx * np.sin(turn)) / flat
    radius = np.hypot(across, down) + 1e-3
    angle = np.arctan2(down, across) * rng.choice([-1, 1])
    noise = canvas.clouds(rng, grains=6)
    wound = np.cos(arms * (angle - rng.uniform(2.2, 4) * np.log(radius)) + 3 * noise)
    disc = np.exp(-radius / rng.uniform(0.14, 0.2)) * (0.35 + 0.65 * (0.5 + 0.5 * wound) ** 2) * (0.5 + noise)
    core = np.exp(-((radius / rng.uniform(0.06, 0.13)) ** 2))
    arm, heart = hsv(rng.uniform(0.5, 0.95), rng.uniform(0.3, 0.6), 1), hsv(rng.uniform(0.06, 0.14), 0.45, 1)
    haze = 30 * canvas.clouds(rng)[..., None] * np.array(hsv(rng.random(), 0.6, 1)[:3]) / 255
    tint = np.array(arm[:3]) + (np.array(heart[:3]) - np.array(arm[:3])) * np.exp(-radius * 9)[..., None]
    canvas.paint(disc[..., None] * tint * 1.9 + core[..., None] * np.array(heart[:3]) + haze + (6, 6, 14))
    for sx, sy in rng.random((240, 2)) * (canvas.w, 1):
        canvas.disc(sx, sy, rng.exponential(0.0012) + 0.0006, hsv(rng.random(), 0.2, 1, rng.uniform(0.4, 1)))
    for sx, sy in rng.random((6, 2)) * (canvas.w, 1):
        canvas.glow(sx, sy, rng.uniform(0.012, 0.03), (235, 240, 255))


def dunes(canvas: Canvas, rng: np.random.Generator) -> None:
    """Sand in long waves, a light side and a dark one, under a bright sky."""
    hue = rng.uniform(0.06, 0.11)
    canvas.gradient(hsv(rng.uniform(0.54, 0.6), 0.6, 0.9), hsv(hue + 0.03, 0.12, 1), bottom=0.55)
    canvas.glow(rng.uniform(0, canvas.w), rng.uniform(0.08, 0.2), 0.3, (255, 255, 240))
    count = int(rng.integers(4, 7))
    for i in range(count):
        depth = (i + 1) / count
        crest = 0.32 + 0.5 * depth - 0.09 * waves(rng, 120, octaves=2, first=rng.uniform(0.6, 1.2))
        xs = np.linspace(0, canvas.w, 120)
        line = list(zip(xs.tolist(), crest.tolist(), strict=True))
        light, dark = hsv(hue, 0.35 + 0.3 * depth, 0.98), hsv(hue - 0.02, 0.6 + 0.1 * depth, 0.72 - 0.2 * depth)
        canvas.shape([*line, (canvas.w, 1), (0, 1)], light)
        fall = crest + 0.02 + 0.22 * depth * np.clip(waves(rng, 120, octaves=2, first=1.1), 0, 1)
        canvas.shape([*line, *reversed(list(zip(xs.tolist(), fall.tolist(), strict=True)))], blend(dark, light, 0.25))
        for k in range(int(7 * depth)):
            ripple = [(px, py + 0.02 + 0.016 * k + 0.14 * depth) for px, py in line]
            canvas.stroke(ripple, 0.002, (*blend(light, dark, 0.3), 130))
