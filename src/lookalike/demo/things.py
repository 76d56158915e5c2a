"""Painters of made things: smiley, car, house, clock, balloons."""

from __future__ import annotations

import numpy as np

from lookalike.demo.brush import Canvas, Colour, Point, blend, hsv, move, oval

INK = (38, 36, 44)


def smiley(canvas: Canvas, rng: np.random.Generator) -> None:
    """A round face in some mood."""
    ground, hue = hsv(rng.random(), rng.uniform(0.2, 0.6), rng.uniform(0.6, 1)), rng.uniform(0.1, 0.16)
    canvas.gradient(ground, blend(ground, (0, 0, 0), 0.2))
    x, y, r = canvas.w / 2 + rng.normal(0, 0.04), 0.5 + rng.normal(0, 0.02), min(1, canvas.w) * rng.uniform(0.33, 0.41)
    canvas.soft(oval(x + 0.02, y + 0.05, r, r), (0, 0, 0, 120), blur=0.03)
    face = hsv(hue, 0.85, 0.98)
    canvas.disc(x, y, r, blend(face, (120, 60, 0), 0.35))
    canvas.disc(x, y - r * 0.02, r * 0.96, face)
    canvas.glow(x - r * 0.35, y - r * 0.42, r * 0.55, (255, 255, 235), strength=0.7)
    look, mood = rng.uniform(-0.04, 0.04), rng.uniform(0.25, 1)
    for side in (-1, 1):
        if side == 1 and rng.random() < 0.25:
            canvas.stroke(_arc(x + r * 0.36, y - r * 0.2, r * 0.14, -r * 0.1), r * 0.07, INK)
            continue
        canvas.disc(x + side * r * 0.36, y - r * 0.22, r * 0.11, INK, ry=r * rng.uniform(0.13, 0.19))
        canvas.disc(x + side * r * 0.36 + look, y - r * 0.28, r * 0.035, (255, 255, 255))
    smile = _arc(x, y + r * 0.2, r * 0.55, r * 0.38 * mood)
    if rng.random() < 0.5:
        canvas.shape(smile, (120, 25, 30))
        canvas.shape(_arc(x, y + r * 0.2, r * 0.46, r * 0.1 * mood), (255, 255, 255))
    canvas.stroke(smile, r * 0.06, INK)


def _arc(x: float, y: float, half: float, sag: float) -> list[Point]:
    return [(x + half * t, y + sag * (1 - t * t)) for t in np.linspace(-1, 1, 30).tolist()]


def car(canvas: Canvas, rng: np.random.Generator) -> None:
    """A car from the side, on a road."""
    sky = hsv(rng.uniform(0.5, 0.65), rng.uniform(0.2, 0.6), 0.97)
    canvas.gradient(sky, blend(sky, (255, 255, 255), 0.7), bottom=0.65)
    hills = hsv(rng.uniform(0.2, 0.4), 0.45, 0.7)
    for _ in range(3):
        canvas.disc(
            rng.uniform(0, canvas.w),
            0.68,
            rng.uniform(0.25, 0.5),
            blend(hills, sky, rng.uniform(0, 0.5)),
            ry=rng.uniform(0.1, 0.25),
        )
    canvas.gradient(hsv(0.6, 0.05, 0.45), hsv(0.6, 0.05, 0.3), top=0.65)
    for x in np.arange(-rng.uniform(0, 0.3), canvas.w, 0.3):
        canvas.box(x, 0.88, x + 0.16, 0.9, (240, 235, 215))
    size, x, way = canvas.w * rng.uniform(0.32, 0.4), canvas.w * rng.uniform(0.46, 0.54), int(rng.choice([-1, 1]))
    paint = hsv(rng.random(), rng.uniform(0.6, 0.95), rng.uniform(0.6, 0.95))
    y, roof, back = 0.74, rng.uniform(0.34, 0.5), rng.uniform(0.55, 0.9)

    def at(points: list[Point]) -> list[Point]:
        return [(x + way * px * size, y + py * size) for px, py in points]

    canvas.soft(at([(-1.05, 0.02), (1.05, 0.02), (1.0, 0.14), (-1.0, 0.14)]), (0, 0, 0, 190), blur=0.015)
    cabin = [(-back, -0.28), (-back + 0.2, -0.28 - roof), (0.18, -0.28 - roof), (0.52, -0.28)]
    canvas.shape(at(cabin), blend(paint, (0, 0, 0), 0.12))
    glass = [(-back + 0.09, -0.29), (-back + 0.24, -0.22 - roof), (0.15, -0.22 - roof), (0.42, -0.29)]
    canvas.shape(at(glass), (190, 220, 235))
    canvas.shape(
        at([(-0.24, -0.29), (-0.24, -0.3 - roof), (-0.17, -0.3 - roof), (-0.17, -0.29)]), blend(paint, (0, 0, 0), 0.12)
    )
    body = [(-1, -0.26), (-0.96, -0.3), (0.5, -0.3), (0.92, -0.2), (1, -0.08), (1, 0.05), (-1, 0.05)]
    canvas.shape(at(body), paint)
    canvas.shape(at([(-1, -0.04), (1, -0.04), (1, 0.05), (-1, 0.05)]), blend(paint, (0, 0, 0), 0.3))
    canvas.shape(at(oval(0.93, -0.13, 0.06, 0.045)), (255, 246, 200))
    canvas.shape(at([(-1, -0.22), (-0.93, -0.22), (-0.93, -0.1), (-1, -0.1)]), (200, 30, 30))
    for wheel in (-0.6, 0.6):
        for radius, colour in ((0.2, (30, 30, 34)), (0.115, (190, 192, 198)), (0.04, (80, 80, 86))):
            canvas.shape(at(oval(wheel, 0.06, radius, radius)), colour)


def house(canvas: Canvas, rng: np.random.Generator) -> None:
    """A house with a pitched roof, a door and windows, in a garden."""
    canvas.gradient(hsv(0.57, rng.uniform(0.25, 0.6), 0.95), hsv(0.55, 0.08, 1), bottom=0.8)
    for _ in range(3):
        canvas.soft(
            oval(rng.uniform(0, canvas.w), rng.uniform(0.05, 0.3), rng.uniform(0.1, 0.25), 0.04),
            (255, 255, 255, 230),
            blur=0.02,
        )
    grass = hsv(rng.uniform(0.22, 0.35), 0.6, rng.uniform(0.5, 0.75))
    canvas.gradient(grass, blend(grass, (0, 0, 0), 0.3), top=0.78)
    half, x, ground = canvas.w * rng.uniform(0.22, 0.3), canvas.w * rng.uniform(0.42, 0.58), 0.86
    top, peak = rng.uniform(0.44, 0.54), rng.uniform(0.16, 0.28)
    wall, roof = (
        hsv(rng.uniform(0, 0.17), rng.uniform(0.05, 0.45), 0.95),
        hsv(rng.choice([0.02, 0.6, 0.08]), 0.6, rng.uniform(0.35, 0.65)),
    )
    canvas.soft(
        [(x - half, ground), (x + half, ground), (x + half + 0.15, ground + 0.06), (x - half + 0.1, ground + 0.06)],
        (0, 0, 0, 120),
        blur=0.015,
    )
    canvas.box(x + half * 0.4, peak - 0.02, x + half * 0.58, top, blend(roof, (90, 40, 30), 0.6))
    canvas.box(x - half, top, x + half, ground, wall)
    canvas.box(x + half * 0.7, top, x + half, ground, (0, 0, 0, 18))
    canvas.shape([(x - half * 1.16, top + 0.02), (x, peak), (x + half * 1.16, top + 0.02)], roof)
    canvas.box(x - half * 0.17, ground - 0.24, x + half * 0.17, ground, hsv(rng.random(), 0.6, 0.45), radius=0.008)
    canvas.disc(x + half * 0.11, ground - 0.11, 0.008, (240, 210, 120))
    for side in (-0.62, 0.62):
        _window(canvas, x + side * half, (top + ground) / 2 - 0.02, half * 0.22)
    if rng.random() < 0.6:
        canvas.disc(x, (peak + top) / 2 + 0.03, 0.045, (250, 250, 245))
        canvas.disc(x, (peak + top) / 2 + 0.03, 0.035, (150, 190, 215))
    for bx in rng.uniform(0, canvas.w, 7):
        canvas.disc(
            bx,
            0.9 + rng.uniform(-0.02, 0.05),
            rng.uniform(0.03, 0.07),
            blend(grass, (0, 40, 10), rng.uniform(0.2, 0.5)),
        )


def _window(canvas: Canvas, x: float, y: float, half: float) -> None:
    canvas.box(x - half, y - half, x + half, y + half, (250, 250, 246))
    canvas.box(x - half * 0.85, y - half * 0.85, x + half * 0.85, y + half * 0.85, (140, 185, 215))
    canvas.shape(
        [
            (x - half * 0.85, y + half * 0.2),
            (x + half * 0.2, y - half * 0.85),
            (x + half * 0.6, y - half * 0.85),
            (x - half * 0.85, y + half * 0.6),
        ],
        (255, 255, 255, 90),
    )
    canvas.box(x - half * 0.06, y - half, x + half * 0.06, y + half, (250, 250, 246))
    canvas.box(x - half, y - half * 0.06, x + half, y + half * 0.06, (250, 250, 246))


def clock(canvas: Canvas, rng: np.random.Generator) -> None:
    """A round clock on a wall, at any time of the day."""
    wall = hsv(rng.random(), rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.95))
    canvas.gradient(wall, blend(wall, (0, 0, 0), 0.15))
    x, y, r = canvas.w / 2 + rng.normal(0, 0.03), 0.5, min(1, canvas.w) * rng.uniform(0.34, 0.42)
    canvas.soft(oval(x + 0.025, y + 0.04, r, r), (0, 0, 0, 140), blur=0.03)
    rim, face = hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.15, 0.8)), hsv(0.12, rng.uniform(0, 0.15), 0.98)
    canvas.disc(x, y, r, rim)
    canvas.disc(x, y, r * 0.9, blend(face, (0, 0, 0), 0.15))
    canvas.disc(x, y + r * 0.01, r * 0.885, face)
    figures = rng.random() < 0.6
    for i in range(60):
        out = (np.sin(i * np.pi / 30), -np.cos(i * np.pi / 30))
        inner = 0.76 if i % 5 == 0 else 0.82
        canvas.stroke(
            [(x + out[0] * r * inner, y + out[1] * r * inner), (x + out[0] * r * 0.85, y + out[1] * r * 0.85)],
            r * (0.03 if i % 5 == 0 else 0.01),
            INK,
        )
        if figures and i % 5 == 0:
            canvas.text(
                x + out[0] * r * 0.64, y + out[1] * r * 0.64, str(i // 5 or 12), size=r * 0.19, colour=INK, anchor="mm"
            )
    minutes = float(rng.uniform(0, 720))
    for turn, length, width, colour in (
        (minutes / 720, 0.46, 0.055, INK),
        (minutes / 60 % 1, 0.7, 0.038, INK),
        (rng.random(), 0.76, 0.014, (200, 40, 40)),
    ):
        hand = move([(0, 0.14), (0, -length)], x, y, scale=r, turn=turn * 2 * np.pi)
        canvas.stroke(hand, r * width, colour)
    canvas.disc(x, y, r * 0.05, (200, 40, 40))


def balloons(canvas: Canvas, rng: np.random.Generator) -> None:
    """A bunch of balloons on strings."""
    canvas.gradient(hsv(rng.uniform(0.5, 0.62), 0.5, 0.95), hsv(rng.uniform(0.5, 0.62), 0.08, 1))
    for _ in range(3):
        canvas.soft(
            oval(rng.uniform(0, canvas.w), rng.uniform(0.2, 0.9), rng.uniform(0.15, 0.35), 0.05),
            (255, 255, 255, 220),
            blur=0.03,
        )
    knot, hue = (canvas.w / 2 + rng.normal(0, 0.05), 1.05), rng.random()
    spots = [
        (canvas.w / 2 + rng.normal(0, 0.17) * min(canvas.w, 1.3), rng.uniform(0.18, 0.55))
        for _ in range(int(rng.integers(4, 10)))
    ]
    for x, y in spots:
        string = [
            (knot[0] + (x - knot[0]) * t**0.5, knot[1] + (y - knot[1]) * t) for t in np.linspace(0, 1, 20).tolist()
        ]
        canvas.stroke(string, 0.003, (90, 90, 100))
    for x, y in sorted(spots, key=lambda spot: spot[1]):
        _balloon(canvas, x, y, rng.uniform(0.085, 0.125), hsv(hue + rng.choice([0, 0.12, 0.33, 0.5, 0.7]), 0.75, 0.95))


def _balloon(canvas: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    dark = blend(colour, (0, 0, 0), 0.25)
    canvas.shape([(x - r * 0.14, y + r * 1.32), (x + r * 0.14, y + r * 1.32), (x, y + r * 1.1)], dark)
    canvas.disc(x, y, r, dark, ry=r * 1.2)
    canvas.disc(x - r * 0.03, y - r * 0.04, r * 0.95, colour, ry=r * 1.14)
    canvas.glow(x - r * 0.32, y - r * 0.42, r * 0.6, (255, 255, 255), strength=0.85)
