"""Painters of surfaces: dots, tartan, bricks, tiles, zebra, chessboard, wood, contour map, Mandelbrot set."""

from __future__ import annotations

import numpy as np

from lookalike.demo.brush import Canvas, Colour, Field, Point, blend, hsv, move, oval


def polka_dots(canvas: Canvas, rng: np.random.Generator) -> None:
    """Round dots in staggered rows on cloth."""
    hue = rng.random()
    cloth = hsv(hue, rng.uniform(0.3, 0.85), rng.uniform(0.45, 0.95))
    dots = [hsv(hue + rng.uniform(0.3, 0.7), 0.6, 1), (252, 250, 244)][: int(rng.integers(1, 3))][::-1]
    canvas.gradient(cloth, blend(cloth, (0, 0, 0), 0.12))
    step, share = rng.uniform(0.1, 0.22), rng.uniform(0.25, 0.38)
    for j, y in enumerate(np.arange(0, 1 + step, step * 0.866)):
        for i, x in enumerate(np.arange(-step, canvas.w + step, step)):
            at = (x + (j % 2) * step / 2, y)
            canvas.disc(at[0] + 0.004, at[1] + 0.005, step * share, (0, 0, 0, 40))
            canvas.disc(*at, step * share, dots[(i + j) % len(dots)])


def tartan(canvas: Canvas, rng: np.random.Generator) -> None:
    """Woven bands, the same along and across."""
    hue = rng.random()
    palette = [
        hsv(hue, 0.75, 0.5),
        hsv(hue + rng.uniform(0.3, 0.6), 0.7, 0.3),
        hsv(rng.uniform(0.1, 0.16), 0.6, 0.9),
        (240, 238, 230),
        (20, 22, 30),
    ]
    order = [0, 1, 0, 4, 0, int(rng.integers(2, 4)), 0, 1]
    widths = rng.integers(2, 14, len(order)) * np.array([2, 2, 1, 1, 1, 0, 1, 2]) + 3
    sett = np.repeat([palette[i][:3] for i in order], widths, axis=0).astype(np.float32)
    sett = np.concatenate([sett, sett[::-1]])
    across = sett[np.arange(canvas.width) * rng.integers(8, 12) // 10 % len(sett)][None, :, :]
    down = sett[np.arange(canvas.height) % len(sett)][:, None, :]
    twill = ((np.arange(canvas.height)[:, None] + np.arange(canvas.width)[None, :]) % 4 < 2)[..., None]
    canvas.paint(np.where(twill, 0.75 * across + 0.25 * down, 0.25 * across + 0.75 * down))


def brick_wall(canvas: Canvas, rng: np.random.Generator) -> None:
    """Courses of bricks, each of another shade, in mortar."""
    hue, value = rng.uniform(0.0, 0.07), rng.uniform(0.45, 0.8)
    mortar = hsv(0.1, 0.1, rng.uniform(0.55, 0.85))
    canvas.gradient(mortar, blend(mortar, (0, 0, 0), 0.1))
    high = rng.uniform(0.06, 0.12)
    wide, gap = high * rng.uniform(2, 2.6), high * 0.1
    for row, y in enumerate(np.arange(0, 1, high)):
        for x in np.arange(-wide * (row % 2) / 2, canvas.w, wide):
            brick = hsv(hue + rng.normal(0, 0.008), rng.uniform(0.45, 0.7), value * rng.uniform(0.75, 1.1))
            canvas.box(x, y, x + wide - gap, y + high - gap, blend(brick, (0, 0, 0), 0.35), radius=0.006)
            canvas.box(x, y, x + wide - gap - 0.006, y + high - gap - 0.006, brick, radius=0.006)
    _roughen(canvas, rng, 0.3)


def _roughen(canvas: Canvas, rng: np.random.Generator, strength: float) -> None:
    pixels = np.asarray(canvas.image.reduce(2), np.float32)
    canvas.paint(pixels * (1 - strength / 2 + strength * canvas.clouds(rng, grains=24, octaves=3))[..., None])


def tiled_floor(canvas: Canvas, rng: np.random.Generator) -> None:
    """Square tiles with a painted flower or star, all alike."""
    hue, step = rng.random(), 1 / rng.integers(3, 7)
    ground, ink = hsv(hue + 0.5, 0.1, 0.95), hsv(hue, rng.uniform(0.5, 0.9), rng.uniform(0.35, 0.8))
    second, petals, slim = (
        hsv(hue + rng.uniform(0.08, 0.5), 0.6, 0.85),
        2 * int(rng.integers(2, 5)),
        rng.uniform(0.07, 0.16),
    )
    canvas.gradient((120, 115, 110), (100, 95, 90))
    for y in np.arange(0, 1, step):
        for x in np.arange(0, canvas.w, step):
            canvas.box(
                x + 0.003,
                y + 0.003,
                x + step - 0.003,
                y + step - 0.003,
                blend(ground, (0, 0, 0), rng.uniform(0, 0.06)),
                radius=0.004,
            )
            middle = (x + step / 2, y + step / 2)
            for corner in ((x, y), (x + step, y), (x, y + step), (x + step, y + step)):
                canvas.shape(oval(*corner, step * 0.2, step * 0.2, points=4), second)
            for angle in np.arange(petals) * 2 * np.pi / petals:
                petal = move(oval(0.26, 0, 0.2, slim, points=30), *middle, scale=step, turn=angle)
                canvas.shape(petal, ink)
            canvas.disc(*middle, step * 0.09, second)


def zebra(canvas: Canvas, rng: np.random.Generator) -> None:
    """Black and white stripes that fork and bend."""
    x, y = canvas.coordinates()
    turn, width = rng.uniform(-0.5, 0.5), rng.uniform(14, 26)
    bend = canvas.clouds(rng, grains=2, octaves=3)
    along = x * np.cos(turn) + y * np.sin(turn) * 0.5
    stripes = np.sin(width * along + rng.uniform(6, 11) * bend + 1.2 * np.sin(6 * y))
    coat = hsv(rng.uniform(0.07, 0.13), rng.uniform(0.02, 0.2), 0.97)
    canvas.map_colours(np.clip(0.5 + 3.5 * stripes, 0, 1), [(22, 18, 20), coat])


def chessboard(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wooden board with a few pieces on it."""
    hue = rng.uniform(0.05, 0.11)
    light, dark = hsv(hue + 0.02, 0.3, 0.93), hsv(rng.choice([hue, 0.35]), 0.6, rng.uniform(0.25, 0.45))
    table = hsv(rng.random(), 0.3, rng.uniform(0.3, 0.6))
    canvas.gradient(table, blend(table, (0, 0, 0), 0.4))
    side = min(canvas.w, 1) * rng.uniform(0.8, 0.95)
    left, top, step = (canvas.w - side) / 2, (1 - side) / 2, side / 9
    canvas.soft(
        [
            (left + 0.02, top + 0.03),
            (left + side + 0.02, top + 0.03),
            (left + side + 0.02, top + side + 0.03),
            (left + 0.02, top + side + 0.03),
        ],
        (0, 0, 0, 150),
        blur=0.02,
    )
    canvas.box(left, top, left + side, top + side, blend(dark, (0, 0, 0), 0.3), radius=0.01)
    for i in range(64):
        x, y = left + step * (i % 8 + 0.5), top + step * (i // 8 + 0.5)
        wood = light if (i + i // 8) % 2 == 0 else dark
        canvas.box(x, y, x + step, y + step, blend(wood, (0, 0, 0), rng.uniform(0, 0.1)))
        if rng.random() < (0.75 if i // 8 in (0, 1, 6, 7) else 0.08):
            white = i // 8 > 3 if rng.random() < 0.9 else i // 8 < 4
            _piece(
                canvas,
                x + step / 2,
                y + step / 2,
                step,
                (246, 236, 214) if white else (46, 36, 34),
                tall=rng.random() < 0.4,
            )


def _piece(canvas: Canvas, x: float, y: float, size: float, colour: Colour, *, tall: bool) -> None:
    edge = blend(colour, (0, 0, 0), 0.45)
    canvas.disc(x + size * 0.06, y + size * 0.3, size * 0.34, (0, 0, 0, 60), ry=size * 0.12)
    canvas.disc(x, y + size * 0.28, size * 0.3, edge, ry=size * 0.12)
    head = y - size * (0.26 if tall else 0.12)
    canvas.shape(
        [
            (x - size * 0.24, y + size * 0.28),
            (x - size * 0.07, head),
            (x + size * 0.07, head),
            (x + size * 0.24, y + size * 0.28),
        ],
        colour,
    )
    canvas.disc(x, head, size * 0.15, edge)
    canvas.disc(x - size * 0.015, head - size * 0.015, size * 0.13, colour)


def wood(canvas: Canvas, rng: np.random.Generator) -> None:
    """Planks with grain and knots."""
    hue, planks = rng.uniform(0.05, 0.1), int(rng.integers(3, 7))
    x, y = canvas.coordinates()
    plank = np.minimum((y * planks).astype(int), planks - 1)
    offsets, shades = rng.uniform(0, 50, planks)[plank], rng.uniform(0.75, 1, planks)[plank]
    bend = canvas.clouds(rng, grains=3, octaves=3)
    rings = np.sin(y * planks * 9 + offsets + 7 * bend * (1 + 0.4 * np.sin(x * 3 + offsets)))
    fibre = canvas.clouds(rng, grains=40, octaves=2)
    tone = (0.45 + 0.2 * rings + 0.25 * fibre) * shades * np.clip(np.abs((y * planks) % 1 - 0.5) * -60 + 30, 0.25, 1)
    canvas.map_colours(
        tone.astype(np.float32), [hsv(hue, 0.75, 0.18), hsv(hue, 0.65, 0.55), hsv(hue + 0.02, 0.45, 0.92)]
    )


def contour_map(canvas: Canvas, rng: np.random.Generator) -> None:
    """Heights in colours with contour lines, and the sea around them."""
    heights = canvas.clouds(rng, grains=int(rng.integers(2, 4)), octaves=4)
    levels = heights * rng.integers(10, 16)
    slope = np.hypot(*np.gradient(levels)) + 1e-4
    near_line = np.clip(1.2 - np.abs(levels - np.round(levels)) / slope, 0, 1)
    sea = rng.uniform(0.25, 0.42)
    hue = rng.uniform(0.22, 0.32)
    land = [hsv(hue, 0.35, 0.8), hsv(hue - 0.08, 0.25, 0.93), hsv(0.09, 0.4, 0.8), hsv(0.06, 0.3, 0.6), (250, 250, 250)]
    scale = np.array([c[:3] for c in land], np.float32)
    share = np.clip((heights - sea) / (1 - sea), 0, 1) * (len(land) - 1)
    ground = scale[np.floor(share).astype(int)]
    blue = np.array(hsv(0.56, 0.45, 0.9)[:3]) * (0.75 + 0.25 * heights / sea)[..., None]
    pixels = np.where((heights < sea)[..., None], blue, ground)
    ink = np.array([110, 75, 45])
    canvas.paint(pixels + (ink - pixels) * (0.65 * near_line * (heights >= sea))[..., None])
    _roads(canvas, rng)


def _roads(canvas: Canvas, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 4))):
        start, end = rng.uniform(0, 1), rng.uniform(0, 1)
        bend = rng.uniform(-0.2, 0.2)
        road: list[Point] = [
            (canvas.w * t, start + (end - start) * t + bend * float(np.sin(t * 5)))
            for t in np.linspace(0, 1, 40).tolist()
        ]
        canvas.stroke(road, 0.016, (120, 60, 40))
        canvas.stroke(road, 0.010, hsv(rng.uniform(0, 0.14), 0.6, 1))


PLACES = (
    (-0.6, 0.0, 2.3),
    (-0.7436, 0.1318, 0.03),
    (-0.7453, 0.1127, 0.015),
    (-0.1011, 0.9563, 0.07),
    (-0.16, 1.0405, 0.05),
    (-1.768, 0.001, 0.09),
    (0.3, 0.024, 0.06),
)  # real part, imaginary part, height of the view


def mandelbrot(canvas: Canvas, rng: np.random.Generator) -> None:
    """A corner of the Mandelbrot set, close up, in flowing colours."""
    x0, y0, reach = PLACES[int(rng.integers(len(PLACES)))]
    reach *= rng.uniform(0.6, 1.3)
    steps = _escape_steps(canvas, complex(x0, y0) + reach * complex(*rng.normal(0, 0.07, 2)), reach)
    hue, outside = rng.random(), steps > 0
    rank = np.searchsorted(np.sort(steps[outside]), steps) / max(int(outside.sum()), 1)  # every colour gets its area
    scale = [
        hsv(hue, 0.9, 0.2), hsv(hue + 0.06, 0.8, 0.8), (255, 250, 235), hsv(hue + 0.45, 0.7, 0.9),
        hsv(hue + 0.55, 0.9, 0.35), (255, 245, 220),
    ]  # fmt: skip
    canvas.map_colours(np.asarray(rank, np.float32), scale)
    shown = np.asarray(canvas.image.resize(steps.shape[::-1]), np.float32)
    canvas.paint(shown * np.where(outside, 1, 0.04)[..., None])


def _escape_steps(canvas: Canvas, middle: complex, reach: float, limit: int = 100) -> Field:
    x, y = (axis[::2, ::2] for axis in canvas.coordinates())
    c = (middle + reach * ((x - canvas.w / 2) + 1j * (y - 0.5))).astype(np.complex64).ravel()
    steps, alive, z = np.zeros(c.size, np.float32), np.arange(c.size), c.copy()
    for i in range(limit):
        z = z * z + c[alive]
        size = z.real**2 + z.imag**2
        out = size > 64
        steps[alive[out]] = i + 2 - np.log2(np.log2(size[out]) / 2)
        alive, z = alive[~out], z[~out]
    return steps.reshape(x.shape)
