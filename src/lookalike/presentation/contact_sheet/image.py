"""The contact sheet as one picture."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels
from lookalike.presentation.contact_sheet.card import GONE, Card, thumbnail
from lookalike.presentation.contact_sheet.kind import JPEG_COMMENT
from lookalike.presentation.text import safe

Colour: TypeAlias = tuple[int, int, int]

WIDTH, HEIGHT, GAP = 232, 174, 20  # of the box for a picture, and between cards, in pixels
TITLE_PX, CAPTION_PX, LINE_PX = 26, 15, 13
LINE_STEP = 19
FIGURE_WIDTH = 52  # kept free for the similarity
BAR_PX = 5
PAPER: Colour = (246, 246, 243)
MOUNT: Colour = (233, 233, 229)
QUERY_BAND: Colour = (226, 232, 241)
INK: Colour = (33, 36, 41)
FAINT: Colour = (107, 112, 120)
BAR: Colour = (46, 139, 108)
MOST_HEIGHT = 65_535  # in pixels, JPEG's limit
MOST_COLUMNS = 20


def contact_sheet_jpeg(
    cards: Sequence[Card], *, title: str, query: Card | None = None, columns: int = 5, quality: int = 90
) -> bytes:
    """Draw a contact sheet and give it as a JPEG file; arguments and errors as for `contact_sheet`."""
    buffer = io.BytesIO()
    sheet = Image.fromarray(contact_sheet(cards, title=title, query=query, columns=columns))
    sheet.save(buffer, "JPEG", quality=quality, comment=JPEG_COMMENT)
    return buffer.getvalue()


def contact_sheet(cards: Sequence[Card], *, title: str, query: Card | None = None, columns: int = 5) -> Pixels:
    """Draw a contact sheet: a title, the query set apart, then the cards in rows.

    Names are written with the font that comes with Pillow; see `drawable` for what it lacks.

    Args:
        cards: best first; may be empty.
        title: the line at the top; need not be safe.
        query: the picture that was asked with, shown first in a band of its own.
        columns: cards in a row, 1 to `MOST_COLUMNS`.
    Returns:
        shape (H, W, 3), uint8 RGB, a new array.
    Raises:
        BadInput: when `columns` is out of range, or the sheet would be higher than a JPEG can be.
    """
    if not 1 <= columns <= MOST_COLUMNS:
        raise BadInput(f"expected 1 to {MOST_COLUMNS} columns, got {columns}; leave it out for the usual number")
    top = 2 * GAP + TITLE_PX
    band = _card_height([query]) + 2 * GAP if query else 0
    first_row, step = top + band + (GAP if query else 0), _card_height(cards) + GAP
    width, height = GAP + columns * (WIDTH + GAP), first_row + max(-(-len(cards) // columns), 1) * step
    if height > MOST_HEIGHT:
        raise BadInput(
            f"expected a sheet that one picture can hold, but {len(cards)} pictures in {columns} columns "
            "make it too high: take fewer, or an HTML sheet"
        )
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), shorten_to_fit(title, TITLE_PX, width - 2 * GAP), fill=INK, font=font(TITLE_PX))
    if query:
        draw.rectangle((0, top, width, top + band), fill=QUERY_BAND)
        _draw_card(sheet, draw, query, GAP, top + GAP)
    if not cards:
        draw.text((GAP, first_row), "nothing found", fill=FAINT, font=font(CAPTION_PX))
    for i, card in enumerate(cards):
        _draw_card(sheet, draw, card, GAP + i % columns * (WIDTH + GAP), first_row + i // columns * step)
    return np.asarray(sheet).copy()


def _card_height(cards: Sequence[Card]) -> int:
    most_lines = max((len(card.lines) for card in cards), default=0)
    return HEIGHT + 10 + BAR_PX + LINE_STEP * (1 + most_lines)


def _draw_card(sheet: Image.Image, draw: ImageDraw.ImageDraw, card: Card, x: int, y: int) -> None:
    _draw_picture(sheet, draw, card, x, y)
    y += HEIGHT + 4
    if card.similarity is not None:
        filled = round(WIDTH * min(max(card.similarity, 0.0), 1.0))
        draw.rectangle((x, y, x + WIDTH - 1, y + BAR_PX - 1), fill=MOUNT)
        draw.rectangle((x, y, x + max(filled, 1) - 1, y + BAR_PX - 1), fill=BAR)
    y += BAR_PX + 4
    figure = "" if card.similarity is None else f"{card.similarity:.3f}"
    room = WIDTH - (FIGURE_WIDTH if figure else 0)
    draw.text((x + WIDTH, y), figure, fill=FAINT, font=font(CAPTION_PX), anchor="ra")
    draw.text((x, y), shorten_to_fit(card.caption, CAPTION_PX, room), fill=INK, font=font(CAPTION_PX))
    for i, line in enumerate(card.lines, start=1):
        draw.text((x, y + i * LINE_STEP), shorten_to_fit(line, LINE_PX, WIDTH), fill=FAINT, font=font(LINE_PX))


def _draw_picture(sheet: Image.Image, draw: ImageDraw.ImageDraw, card: Card, x: int, y: int) -> None:
    draw.rounded_rectangle((x, y, x + WIDTH - 1, y + HEIGHT - 1), 4, fill=MOUNT)
    if card.pixels is None:
        draw.text((x + WIDTH // 2, y + HEIGHT // 2), GONE, fill=FAINT, font=font(CAPTION_PX), anchor="mm")
        return
    shown = thumbnail(card.pixels, width=WIDTH, height=HEIGHT)
    sheet.paste(shown, (x + (WIDTH - shown.width) // 2, y + (HEIGHT - shown.height) // 2))


def shorten_to_fit(text: str, size: int, width: int) -> str:
    """Shorten in the middle, where names differ least, until the text is `width` pixels wide at most."""
    length = font(size).getlength
    text = drawable(text[:400])
    keep = len(text)
    shortened = text
    while keep > 1 and length(shortened) > width:
        keep = min(keep - 1, round(keep * width / length(shortened)) + 1)
        shortened = f"{text[: keep // 2]}...{text[len(text) - (keep - keep // 2) :]}"
    return shortened


def drawable(text: str) -> str:
    r"""Make a name safe, and replace what the font has no glyph for.

    Letters lose their accents (`é` becomes `e`); where that is not enough they are escaped: `漢` becomes `\u6f22`.
    """
    return "".join(map(_glyph_for, safe(text)))


@lru_cache(maxsize=4096)
def _glyph_for(character: str) -> str:
    if character.isascii() or _has_glyph(character):
        return character
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if plain and plain.isascii():
        return plain
    return "" if unicodedata.combining(character) else character.encode("unicode_escape").decode("ascii")


def _has_glyph(character: str) -> bool:
    try:
        drawn, missing = (bytes(font(CAPTION_PX).getmask(c)) for c in (character, "\U0010ffff"))
    except UnicodeEncodeError:  # the bitmap font of a Pillow without FreeType knows Latin-1 only
        return False
    return drawn != missing


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, `size` pixels high."""
    return ImageFont.load_default(size)
