"""Pictures of which one part is drawn anew: letters with other numbers, forms, screens, products, charts."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image, ImageDraw, ImageFont

WORDS = (
    "oak",
    "river",
    "paper",
    "stone",
    "lamp",
    "garden",
    "copper",
    "window",
    "basket",
    "signal",
    "harbour",
    "ladder",
)


def words(chance: random.Random, count: int) -> str:
    """Some words in a row."""
    return " ".join(chance.choice(WORDS) for _ in range(count))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow."""
    return ImageFont.load_default(size)


def invoice(base: random.Random, own: random.Random) -> Image.Image:
    """An A4 page at 150 dpi; `own` changes its number, its date and one amount."""
    page = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(page)
    draw.text((90, 90), words(base, 2).title() + " Ltd", fill=(20, 40, 90), font=font(54))
    draw.text((90, 170), words(base, 6), fill="black", font=font(24))
    draw.text((820, 100), f"Invoice {own.randint(10000, 99999)}", fill="black", font=font(30))
    draw.text((820, 150), f"2024-{own.randint(1, 12):02d}-{own.randint(1, 28):02d}", fill="black", font=font(24))
    changed = own.randrange(14)
    for row in range(14):
        y = 420 + 62 * row
        amount = base.randint(100, 99999)
        amount = own.randint(100, 99999) if row == changed else amount
        draw.text((90, y), words(base, 4), fill="black", font=font(24))
        draw.text((1000, y), f"{amount / 100:9.2f}", fill="black", font=font(24))
        draw.line((90, y + 46, 1150, y + 46), fill=(200, 200, 200))
    for row in range(5):
        draw.text((90, 1400 + 40 * row), words(base, 12), fill=(60, 60, 60), font=font(20))
    return page


def form(base: random.Random, own: random.Random) -> Image.Image:
    """A form with boxes, of which `own` fills some."""
    page = Image.new("RGB", (900, 1200), (250, 248, 240))
    draw = ImageDraw.Draw(page)
    draw.text((60, 50), words(base, 3).upper(), fill="black", font=font(40))
    filled = own.sample(range(12), 5)
    for row in range(12):
        y = 160 + 80 * row
        draw.text((60, y), words(base, 2), fill="black", font=font(22))
        draw.rectangle((380, y - 6, 840, y + 40), outline=(120, 120, 120), width=2)
        if row in filled:
            draw.text((395, y), words(own, 2), fill=(20, 30, 120), font=font(24))
    return page


def screen(base: random.Random, own: random.Random) -> Image.Image:
    """A window full of lines, of which `own` writes one."""
    shot = Image.new("RGB", (1280, 800), (30, 32, 38))
    draw = ImageDraw.Draw(shot)
    draw.rectangle((0, 0, 1280, 34), fill=(60, 62, 70))
    draw.text((20, 7), words(base, 3), fill=(220, 220, 220), font=font(18))
    changed = own.randrange(24)
    for row in range(24):
        text = words(base, base.randint(3, 11))
        text = words(own, 5) if row == changed else text
        draw.text((30, 60 + 29 * row), text, fill=(170, 200, 180), font=font(18))
    return shot


def product(base: random.Random, own: random.Random) -> Image.Image:
    """A thing on plain ground; `own` chooses its colour."""
    picture = Image.new("RGB", (640, 640), (245, 245, 245))
    draw = ImageDraw.Draw(picture)
    colour = tuple(own.randint(30, 225) for _ in range(3))
    left, top = base.randint(120, 200), base.randint(120, 200)
    draw.rounded_rectangle((left, top, 640 - left, 640 - top // 2), base.randint(10, 90), fill=colour)
    for _ in range(base.randint(3, 9)):
        x, y = base.randint(left, 620 - left), base.randint(top, 560 - top // 2)
        draw.ellipse((x, y, x + 26, y + 26), fill=tuple(value // 2 for value in colour))
    draw.line((left, 320, 640 - left, base.randint(300, 360)), fill=(40, 40, 40), width=5)
    return picture


def chart(base: random.Random, own: random.Random) -> Image.Image:
    """Bars with their numbers; `own` changes one bar."""
    picture = Image.new("RGB", (800, 500), "white")
    draw = ImageDraw.Draw(picture)
    heights = [base.randint(40, 380) for _ in range(10)]
    colour = tuple(base.randint(30, 200) for _ in range(3))
    at = own.randrange(10)
    heights[at] = min(400, max(20, heights[at] + own.choice((-1, 1)) * own.randint(15, 60)))
    for n, height in enumerate(heights):
        draw.rectangle((60 + 70 * n, 450 - height, 105 + 70 * n, 450), fill=colour)
        draw.text((62 + 70 * n, 430 - height), str(height), fill="black", font=font(16))
    draw.line((40, 450, 780, 450), fill="black", width=2)
    return picture


DRAWN: Mapping[str, Callable[[random.Random, random.Random], Image.Image]] = MappingProxyType(
    {"invoice": invoice, "form": form, "screen": screen, "product": product, "chart": chart}
)
"""What is drawn: a template from `base`, and in it what `own` decides."""
