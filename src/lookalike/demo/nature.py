"""Painters of living things: sunflower, fern, fish, butterfly, watermelon, blossom tree."""

from __future__ import annotations

import numpy as np

from lookalike.demo.brush import Canvas, Colour, Point, blend, hsv, move, oval

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def sunflower(canvas: Canvas, rng: np.random.Generator) -> None:
    """One flower, its seeds set at the golden angle."""
    sky = rng.random() < 0.5
    if sky:
        canvas.gradient(hsv(0.58, 0.65, 0.85), hsv(0.55, 0.25, 1))
    else:
        canvas.gradient(hsv(0.3, 0.6, 0.45), hsv(0.28, 0.7, 0.25))
    x, y, size = canvas.w * rng.uniform(0.38, 0.62), rng.uniform(0.38, 0.5), rng.uniform(0.3, 0.4)
    stem = hsv(0.29, 0.7, 0.5)
    canvas.stroke([(x, y), (x + rng.uniform(-0.04, 0.04), 0.75), (x + rng.uniform(-0.08, 0.08), 1.02)], 0.035, stem)
    for side in (-1, 1):
        leaf = oval(0.16 * side, 0, 0.15, 0.06, points=30)
        canvas.shape(move(leaf, x, rng.uniform(0.82, 0.92), turn=-side * 0.5), blend(stem, (0, 0, 0), 0.15))
    hue, petals = rng.uniform(0.1, 0.15), int(rng.integers(16, 26))
    start = rng.uniform(0, 1)
    for ring, shade in ((0.0, 0.82), (0.5, 1.0)):
        for i in range(petals):
            angle = start + (i + ring) * 2 * np.pi / petals + rng.normal(0, 0.03)
            length = rng.uniform(0.92, 1.05) * (1 if ring else 1.06)
            colour = hsv(hue + rng.normal(0, 0.006), 0.9, shade)
            canvas.shape(move(_petal(length), x, y, scale=size, turn=angle), colour)
    canvas.disc(x, y, size * 0.5, hsv(0.07, 0.8, 0.25))
    for i in range(260):
        radius, angle = size * 0.48 * (i / 260) ** 0.5, i * GOLDEN_ANGLE
        seed = hsv(0.08, 0.7, 0.2 + 0.45 * (i / 260))
        canvas.disc(x + radius * np.cos(angle), y + radius * np.sin(angle), size * 0.017, seed)


def _petal(length: float) -> list[Point]:
    t = np.linspace(0, 1, 16)
    half = 0.13 * np.sin(np.pi * t) ** 0.8
    along = 0.35 + (length - 0.35) * t
    return [
        *zip(along.tolist(), half.tolist(), strict=True),
        *zip(along[::-1].tolist(), (-half[::-1]).tolist(), strict=True),
    ]


def fern(canvas: Canvas, rng: np.random.Generator) -> None:
    """Barnsley's fern: four affine maps, played as a game of chance."""
    paper = hsv(rng.uniform(0.1, 0.2), rng.uniform(0.05, 0.2), rng.uniform(0.9, 0.99))
    canvas.gradient(paper, blend(paper, (0, 0, 0), 0.08))
    hue, turn, curl = rng.uniform(0.22, 0.42), rng.uniform(-0.35, 0.35), rng.uniform(0.02, 0.06)
    x, y = _fern_points(rng, curl)
    across, up = x / 10, y / 10 - 0.5
    px = canvas.w / 2 + across * np.cos(turn) + up * np.sin(turn)
    py = 0.5 - 0.92 * (up * np.cos(turn) - across * np.sin(turn))
    dots = np.histogram2d(py, px, bins=canvas.image.size[::-1], range=[[0, 1], [0, canvas.w]])[0]
    cover = np.clip(np.log1p(dots) / 1.1, 0, 1)[..., None]
    pixels = np.asarray(canvas.image, np.float32)
    green, tip = np.array(hsv(hue, 0.85, 0.28)[:3]), np.array(hsv(hue - 0.06, 0.75, 0.55)[:3])
    height = np.linspace(1, 0, canvas.image.height)[:, None, None]
    canvas.paint(pixels + (green + (tip - green) * height - pixels) * cover)


def _fern_points(rng: np.random.Generator, curl: float) -> tuple[np.ndarray, np.ndarray]:
    walkers, steps = 4000, 45
    maps = np.array(
        [
            (0, 0, 0, 0.16, 0, 0),
            (0.85, curl, -curl, 0.85, 0, 1.6),
            (0.2, -0.26, 0.23, 0.22, 0, 1.6),
            (-0.15, 0.28, 0.26, 0.24, 0, 0.44),
        ]
    )
    x, y = np.zeros(walkers), np.zeros(walkers)
    seen = []
    for step in range(steps):
        a, b, c, d, e, f = maps[np.searchsorted([0.01, 0.85, 0.93], rng.random(walkers))].T
        x, y = a * x + b * y + e, c * x + d * y + f
        if step > 10:
            seen.append((x, y))
    return np.concatenate([s[0] for s in seen]), np.concatenate([s[1] for s in seen])


def fish(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fish in clear water, rays of light, bubbles."""
    hue = rng.uniform(0.47, 0.62)
    canvas.gradient(hsv(hue, 0.45, 0.98), hsv(hue + 0.02, 0.8, 0.65), hsv(hue + 0.04, 0.9, 0.3))
    for _ in range(4):
        x, wide = rng.uniform(-0.2, canvas.w), rng.uniform(0.05, 0.15)
        ray = [(x, -0.05), (x + wide, -0.05), (x + wide * 2 + 0.3, 1), (x + 0.3, 1)]
        canvas.soft(ray, (255, 255, 255, 35), blur=0.02)
    own, kind = rng.random(), int(rng.integers(3))
    for size in np.sort(rng.uniform(0.14, 0.42, int(rng.integers(1, 6)))):
        at = (rng.uniform(0.15, 0.85) * canvas.w, rng.uniform(0.18, 0.82))
        _fish(canvas, *at, size, hsv(own + rng.normal(0, 0.02), 0.75, 0.98), kind=kind, left=rng.random() < 0.5)
    for x, y in rng.random((14, 2)) * (canvas.w, 1):
        r = rng.uniform(0.005, 0.02)
        canvas.disc(x, y, r, (255, 255, 255, 70))
        canvas.disc(x - r * 0.3, y - r * 0.3, r * 0.35, (255, 255, 255, 200))


def _fish(canvas: Canvas, x: float, y: float, size: float, colour: Colour, *, kind: int, left: bool) -> None:
    way = -1 if left else 1
    tall = (0.24, 0.32, 0.4)[kind]
    dark, pale = blend(colour, (0, 0, 0), 0.3), blend(colour, (255, 255, 255), 0.65)

    def at(points: list[Point]) -> list[Point]:
        return [(x + way * px * size, y + py * size) for px, py in points]

    canvas.shape(at([(-0.4, 0), (-0.72, -tall * 0.9), (-0.62, 0), (-0.72, tall * 0.9)]), dark)
    canvas.shape(at([(-0.25, -tall * 0.7), (0.05, -tall * 1.5), (0.25, -tall * 0.7)]), dark)
    canvas.shape(at([(-0.2, tall * 0.7), (-0.05, tall * 1.35), (0.12, tall * 0.8)]), dark)
    canvas.shape(at(oval(0, 0, 0.5, tall)), colour)
    canvas.shape(at(oval(0.03, tall * 0.35, 0.4, tall * 0.5)), blend(colour, pale, 0.5))
    for stripe in ((), (-0.2, 0.12), (-0.28, -0.08, 0.12))[kind]:
        half = tall * (1 - (stripe / 0.5) ** 2) ** 0.5
        canvas.shape(at(oval(stripe, 0, 0.04, half * 0.98)), pale if kind == 1 else dark)
    canvas.shape(at([(0.02, 0.02), (-0.16, 0.14), (-0.02, 0.16)]), dark)
    canvas.shape(at(oval(0.33, -tall * 0.2, 0.06, 0.06)), (255, 255, 255))
    canvas.shape(at(oval(0.345, -tall * 0.2, 0.032, 0.032)), (15, 15, 20))


def butterfly(canvas: Canvas, rng: np.random.Generator) -> None:
    """A butterfly on a blurred meadow."""
    meadow = rng.uniform(0.2, 0.4)
    canvas.gradient(hsv(meadow, 0.35, 0.9), hsv(meadow + 0.03, 0.55, 0.6))
    for _ in range(9):
        spot = hsv(rng.choice([meadow, rng.random()]), 0.45, 0.95)
        canvas.glow(rng.uniform(0, canvas.w), rng.uniform(0, 1), rng.uniform(0.08, 0.25), spot, strength=0.7)
    x, y, size, turn = (
        canvas.w / 2 + rng.normal(0, 0.05),
        0.5 + rng.normal(0, 0.03),
        rng.uniform(0.36, 0.46),
        rng.normal(0, 0.25),
    )
    hue = rng.random()
    wing, dots = hsv(hue, 0.8, 0.95), hsv(hue + rng.uniform(0.1, 0.5), 0.5, 1)
    rim = blend(wing, (15, 10, 20), 0.88)
    spots = rng.uniform(0.3, 0.9, (3, 1))
    for side in (-1, 1):

        def at(points: list[Point], side: int = side) -> list[Point]:
            return move([(px * side, py) for px, py in points], x, y, scale=size, turn=turn)

        for scale, colour in ((1.0, rim), (0.84, wing), (0.5, blend(wing, dots, 0.45))):
            canvas.shape(at(oval(0.28, 0.33, 0.3 * scale, 0.4 * scale, turn=-0.6)), colour)
            canvas.shape(at(oval(0.45, -0.34, 0.58 * scale, 0.34 * scale, turn=-0.62)), colour)
        for (share,) in spots:
            canvas.shape(at(oval(0.86 - 0.3 * share, -0.85 + 0.62 * share, 0.035, 0.035)), (255, 255, 255))
            canvas.shape(at(oval(0.2 + 0.32 * share, 0.62 - 0.2 * share, 0.05, 0.05)), dots)
        canvas.stroke(at([(0.01, -0.35), (0.08, -0.6), (0.2, -0.78)]), 0.006, (30, 22, 25))
    canvas.shape(move(oval(0, 0, 0.045, 0.42), x, y, scale=size, turn=turn), (30, 22, 25))
    canvas.shape(move(oval(0, -0.4, 0.06, 0.07), x, y, scale=size, turn=turn), (30, 22, 25))


def watermelon(canvas: Canvas, rng: np.random.Generator) -> None:
    """Slices of watermelon on a plain ground."""
    ground = hsv(rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.8, 1))
    canvas.gradient(ground, blend(ground, (0, 0, 0), 0.1))
    flesh = hsv(rng.uniform(0.96, 1.02), rng.uniform(0.65, 0.8), 0.95)
    count = int(rng.integers(1, 4))
    for i in range(count):
        x, y = canvas.w * (i + 0.5) / count + rng.normal(0, 0.02), 0.42 + rng.normal(0, 0.05)
        _slice(canvas, rng, x, y, min(0.42, 0.46 * canvas.w / count), rng.normal(0, 0.4), flesh)


def _slice(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, size: float, turn: float, flesh: Colour
) -> None:
    arc = np.linspace(0, np.pi, 50)

    def half(r: float) -> list[Point]:
        return move(
            list(zip((r * np.cos(arc)).tolist(), (r * np.sin(arc)).tolist(), strict=True)), x, y, scale=size, turn=turn
        )

    canvas.soft(move(half(1), 0.02, 0.035), (0, 0, 0, 110), blur=0.02)
    rind = hsv(rng.uniform(0.3, 0.38), 0.75, 0.4)
    for r, colour in ((1.0, rind), (0.95, hsv(0.3, 0.5, 0.75)), (0.91, (238, 244, 214)), (0.85, flesh)):
        canvas.shape(half(r), colour)
    for r in (0.35, 0.6):
        for angle in np.linspace(0.3, np.pi - 0.3, round(9 * r) + 1) + rng.normal(0, 0.04):
            seed = move(oval(r, 0, 0.045, 0.022, points=20), 0, 0, turn=angle)
            canvas.shape(move(seed, x, y, scale=size, turn=turn), (40, 24, 22))


def blossom_tree(canvas: Canvas, rng: np.random.Generator) -> None:
    """A tree on a hill, in leaf, in blossom or in autumn."""
    canvas.gradient(hsv(0.57, rng.uniform(0.3, 0.6), 0.95), hsv(0.54, 0.12, 1))
    hill = oval(canvas.w / 2 + rng.normal(0, 0.2), 1.45, 1.5, 0.65)
    grass = hsv(rng.uniform(0.22, 0.33), 0.6, rng.uniform(0.5, 0.75))
    canvas.shape(hill, grass)
    hue = rng.choice([0.94, 0.28, 0.28, 0.06, 0.12]) + rng.normal(0, 0.01)
    x, bark = canvas.w / 2 + rng.normal(0, 0.08), hsv(0.07, 0.5, 0.28)
    canvas.soft(oval(x + 0.05, 0.87, 0.28, 0.035), (0, 0, 0, 110), blur=0.02)
    tips = _branches(canvas, rng, (x, 0.87), -np.pi / 2, 0.2, 0.05, bark)
    for shade in (0.55, 0.8, 1.0):
        for px, py in tips:
            dx, dy = rng.normal(0, 0.035, 2)
            leaf = hsv(
                hue + rng.normal(0, 0.012),
                rng.uniform(0.35, 0.6) if hue > 0.9 else 0.75,
                shade * rng.uniform(0.75, 0.95),
            )
            canvas.disc(px + dx, py + dy - 0.03 * shade, rng.uniform(0.018, 0.05), leaf)


def _branches(
    canvas: Canvas, rng: np.random.Generator, start: Point, angle: float, length: float, width: float, colour: Colour
) -> list[Point]:
    end = (start[0] + length * float(np.cos(angle)), start[1] + length * float(np.sin(angle)))
    canvas.stroke([start, end], width, colour)
    if length < 0.055:
        return [end]
    turns = (rng.uniform(-0.65, -0.25), rng.uniform(-0.1, 0.1), rng.uniform(0.25, 0.65))
    grown = [
        _branches(canvas, rng, end, angle + t, length * rng.uniform(0.62, 0.78), width * 0.6, colour) for t in turns
    ]
    return [tip for tips in grown for tip in tips]
