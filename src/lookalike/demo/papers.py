"""Painters of paper: a page of print, a bar chart, sheet music."""

from __future__ import annotations

import numpy as np

from lookalike.demo.brush import Canvas, blend, hsv, oval

INK = (38, 36, 44)
WORDS = (
    "light", "river", "stone", "window", "paper", "garden", "morning", "bridge", "quiet", "letter", "summer",
    "harbour", "voice", "winter", "train", "copper", "field", "cloud", "silver", "road", "hand", "glass",
    "table", "orchard", "lamp", "shore", "echo", "thread", "wheel", "meadow", "clock", "north", "split",
)  # fmt: skip


def text_page(canvas: Canvas, rng: np.random.Generator) -> None:
    """A sheet of print: a heading and paragraphs."""
    paper = hsv(0.12, rng.uniform(0, 0.12), rng.uniform(0.92, 1))
    canvas.gradient(paper, blend(paper, (0, 0, 0), 0.04))
    margin, size = rng.uniform(0.06, 0.12), rng.uniform(0.026, 0.04)
    heading = " ".join(rng.choice(WORDS, 3)).capitalize()
    canvas.text(margin, margin, heading, size=size * 1.9, colour=hsv(rng.random(), 0.6, 0.3))
    y, columns = margin + size * 3.2, int(rng.integers(1, 3))
    wide = (canvas.w - 2 * margin - (columns - 1) * 0.06) / columns
    for column in range(columns):
        _paragraphs(canvas, rng, margin + column * (wide + 0.06), y, wide, size, bottom=1 - margin)


def _paragraphs(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, wide: float, size: float, *, bottom: float
) -> None:
    left = int(rng.integers(3, 8))
    while y + size < bottom:
        last = left == 0
        share = rng.uniform(0.3, 0.8) if last else 1.0
        canvas.text(x, y, _line(rng, int(wide * share / (size * 0.52))), size=size, colour=INK)
        y += size * (2.2 if last else 1.45)
        left = int(rng.integers(3, 8)) if last else left - 1


def _line(rng: np.random.Generator, letters: int) -> str:
    line = ""
    for word in rng.choice(WORDS, letters // 3 + 1):
        if len(line) + len(word) > letters:
            break
        line += word + " "
    return line.rstrip()


def bar_chart(canvas: Canvas, rng: np.random.Generator) -> None:
    """Bars over months, with a scale and a title."""
    canvas.gradient((255, 255, 255), hsv(rng.random(), 0.04, 0.97))
    left, right, top, floor = 0.12, canvas.w - 0.05, 0.17, 0.86
    canvas.text(left, 0.05, f"{rng.choice(WORDS).capitalize()} per month", size=0.06, colour=INK)
    for i in range(6):
        y = floor - (floor - top) * i / 5
        canvas.stroke([(left, y), (right, y)], 0.002, (205, 208, 214))
        canvas.text(left - 0.015, y, str(i * 20), size=0.032, colour=(110, 112, 120), anchor="rm")
    count, hue, groups = int(rng.integers(4, 10)), rng.random(), int(rng.integers(1, 3))
    step = (right - left) / count
    trend = np.clip(rng.uniform(0.2, 0.6) + np.cumsum(rng.normal(0.02, 0.16, count)), 0.08, 0.98)
    for i in range(count):
        for group in range(groups):
            x = left + step * (i + 0.16 + group * 0.68 / groups)
            value = min(max(trend[i] * (1 - 0.35 * group) + rng.normal(0, 0.04), 0.04), 1)
            canvas.box(
                x, floor - (floor - top) * value, x + step * 0.62 / groups, floor, hsv(hue + 0.4 * group, 0.6, 0.85)
            )
        canvas.text(
            left + step * (i + 0.5), floor + 0.03, "JFMAMJJASOND"[i], size=0.036, colour=(110, 112, 120), anchor="ma"
        )
    canvas.stroke([(left, floor), (right, floor)], 0.004, INK)


def sheet_music(canvas: Canvas, rng: np.random.Generator) -> None:
    """Staves with notes."""
    paper = hsv(0.12, rng.uniform(0, 0.18), rng.uniform(0.93, 1))
    canvas.gradient(paper, blend(paper, (0, 0, 0), 0.05))
    staves, gap = int(rng.integers(3, 6)), rng.uniform(0.017, 0.024)
    for top in np.linspace(0.1, 0.95 - 5 * gap, staves):
        for line in range(5):
            canvas.stroke([(0.05, top + line * gap), (canvas.w - 0.05, top + line * gap)], 0.002, INK)
        for bar in np.linspace(0.05, canvas.w - 0.05, int(rng.integers(3, 5))):
            canvas.stroke([(bar, top), (bar, top + 4 * gap)], 0.003, INK)
        _notes(canvas, rng, top, gap)


def _notes(canvas: Canvas, rng: np.random.Generator, top: float, gap: float) -> None:
    pitch, before = 4.0, None
    for x in np.arange(0.1, canvas.w - 0.1, 0.055) + rng.normal(0, 0.004):
        pitch = float(np.clip(pitch + rng.integers(-2, 3), 0, 8))
        y = top + pitch * gap / 2
        tip = (x + gap * 0.55, y - gap * 3)
        canvas.shape(oval(x, y, gap * 0.62, gap * 0.45, turn=-0.35, points=24), INK)
        canvas.stroke([(tip[0], y), tip], 0.003, INK)
        if before is not None and rng.random() < 0.45:
            canvas.stroke([before, tip], 0.009, INK)
            before = None
        else:
            before = tip
