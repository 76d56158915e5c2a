"""Why two pictures match, as one picture: both side by side, lines between the points that agree, the reason above."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.core.vectors import Pixels
from lookalike.images.features.homography import Homography, inverse, project
from lookalike.presentation.contact_sheet.image import (
    CAPTION_PX,
    FAINT,
    GAP,
    INK,
    MOUNT,
    PAPER,
    Colour,
    font,
    shorten_to_fit,
)
from lookalike.search.local_features import Match

HEIGHT = 420  # of both pictures, in pixels
LEAST_WIDTH, MOST_WIDTH = 160, 840  # of the mount of each; a picture that does not fit is drawn less high
BETWEEN = 48
TITLE_PX = 20
MOST_LINES = 40
OUTLINE: Colour = (255, 204, 0)
HALO = (10, 12, 16, 200)  # around all that is drawn, so that it stands out from light and from dark

_FINER = 2  # drawn so many times larger and scaled down, for Pillow draws lines with steps
_LINE_PX, _OUTLINE_PX, _POINT_PX, _HALO_PX = 2.0, 3.0, 3.0, 1.0
_FAR_PX = 10_000


@dataclass(frozen=True, slots=True)
class _Panel:
    """One of the two pictures on the sheet.

    Attributes:
        image: as it is shown.
        left, right: of its mount.
        corner: where the picture's top left corner lies.
        scale: how many times it is enlarged, in x and in y.
    """

    image: Image.Image
    left: int
    right: int
    corner: tuple[int, int]
    scale: tuple[float, float]

    def places(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where positions in the picture's own pixels lie on the sheet: shape (M, 2), float64."""
        return np.asarray((positions + 0.5) * self.scale + self.corner, np.float64)


def matches_picture(
    query: Pixels, hit: Pixels, match: Match, *, query_name: str = "the query", hit_name: str = "the hit"
) -> Pixels:
    """Draw why two pictures match.

    Lines join at most `MOST_LINES` of the points that agree, coloured by how high they lie in the query, so that they
    can be followed where they cross. The frame of each picture is outlined in the other. Where the pictures agree on no
    view, they are shown as they are, with the reason.

    Args:
        query: shape (H, W, 3), uint8 RGB, of any size.
        hit: likewise.
        match: of these two, in this order.
        query_name: written under the query; need not be safe.
        hit_name: likewise.
    Returns:
        shape (H, W, 3), uint8 RGB, a new array: 517 pixels high, 408 to 1,768 wide.
    """
    top = 2 * GAP + TITLE_PX
    ours = _panel(query, left=GAP, top=top)
    theirs = _panel(hit, left=ours.right + BETWEEN, top=top)
    sheet = Image.new("RGB", (theirs.right + GAP, top + HEIGHT + CAPTION_PX + 22), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), shorten_to_fit(match.reason, TITLE_PX, sheet.width - 2 * GAP), fill=INK, font=font(TITLE_PX))
    for panel, name in ((ours, query_name), (theirs, hit_name)):
        draw.rounded_rectangle((panel.left, top, panel.right - 1, top + HEIGHT - 1), 4, fill=MOUNT)
        sheet.paste(panel.image, panel.corner)
        caption = shorten_to_fit(name, CAPTION_PX, panel.right - panel.left)
        draw.text((panel.left, top + HEIGHT + 8), caption, fill=FAINT, font=font(CAPTION_PX))
    if match.homography is not None:
        _draw_frame(sheet, query, theirs, match.homography)
        _draw_frame(sheet, hit, ours, inverse(match.homography))
        _draw_lines(sheet, ours.places(match.query[match.agreeing]), theirs.places(match.hit[match.agreeing]))
    return np.asarray(sheet).copy()


def _panel(pixels: Pixels, *, left: int, top: int) -> _Panel:
    height, width = pixels.shape[:2]
    scale = min(HEIGHT / height, MOST_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    right = left + max(LEAST_WIDTH, size[0])
    corner = ((left + right - size[0]) // 2, top + (HEIGHT - size[1]) // 2)
    return _Panel(image, left, right, corner, (size[0] / width, size[1] / height))


def _draw_frame(sheet: Image.Image, framed: Pixels, panel: _Panel, homography: Homography) -> None:
    """Outline where the frame of a picture lies in the other, as far as it lies there."""
    height, width = framed.shape[:2]
    corners = np.array([(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)])
    places = panel.places(project(homography, corners)) - panel.corner
    if not np.isfinite(places).all() or np.abs(places).max() > _FAR_PX:  # the horizon runs through the picture
        return
    layer, draw = _layer(panel.image.size)
    ring = [(float(x), float(y)) for x, y in places[[0, 1, 2, 3, 0, 1]] * _FINER]
    for colour, wide in ((HALO, _OUTLINE_PX + 2 * _HALO_PX), ((*OUTLINE, 255), _OUTLINE_PX)):
        draw.line(ring, fill=colour, width=round(wide * _FINER), joint="curve")
    _lay(sheet, layer, panel.corner)


def _draw_lines(sheet: Image.Image, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    order = np.argsort(ours[:, 1], kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(MOST_LINES, len(order))).round().astype(int))]
    layer, draw = _layer(sheet.size)
    ends = np.column_stack([ours[chosen], theirs[chosen]]) * _FINER
    for n, (x, y, u, v) in enumerate(ends.tolist()):
        colour = _hue(n / len(ends))
        for fill, halo in ((HALO, _HALO_PX), (colour, 0.0)):
            draw.line((x, y, u, v), fill=fill, width=round((_LINE_PX + 2 * halo) * _FINER))
            for end in ((x, y), (u, v)):
                draw.circle(end, (_POINT_PX + halo) * _FINER, fill=fill)
    _lay(sheet, layer, (0, 0))


def _layer(size: tuple[int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    layer = Image.new("RGBA", (size[0] * _FINER, size[1] * _FINER), (0, 0, 0, 0))
    return layer, ImageDraw.Draw(layer)


def _lay(sheet: Image.Image, layer: Image.Image, corner: tuple[int, int]) -> None:
    shown = layer.reduce(_FINER)
    sheet.paste(shown, corner, shown)


def _hue(share: float) -> tuple[int, int, int, int]:
    """From teal at the top through blue to pink at the bottom, far from the yellow of the outline."""
    red, green, blue = hsv_to_rgb(0.45 + 0.5 * share, 0.55, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255), 255
