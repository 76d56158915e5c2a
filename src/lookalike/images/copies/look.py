"""The rule for what is a copy: what a re-save, a resize and a recompression may change, and what they may not.

- **Size**: the same proportions, to a pixel's rounding, and sides of at least a quarter of the larger one's: of what is
  smaller, words can no longer be told apart. Cut edges, borders and mirrored pictures are no copies.
- **Place**: one is brought to the size of the other by the filter that comes closest. What remains may be one small
  blur, the same everywhere, and a shift of a third of a pixel; none at all between pictures of one size.
- **Brightness**: what then differs must be explained by one quality of JPEG, the same for the whole picture: the
  larger one is compressed at qualities from 95 down to 6, the finest is taken at which nine of ten tiles with
  structure differ no more than compression makes them, and no tile of 8 x 8 pixels may differ by more than
  `MOST_UNEXPLAINED` times that, in copies of less than a third of the size `MOST_UNEXPLAINED_OF_SMALL`. So the worst
  tile decides: another digit on a page is one.
- **Colour**: mean, contrast and saturation are the same up to what compression rounds away, and so is each tile.

The figures were found on one half of the photos and a few of the other; `benchmarks/duplicates` measures on the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.core.vectors import Pixels
from lookalike.images.copies.colour import channels, what_differs_in_colour
from lookalike.images.copies.explaining import explanation
from lookalike.images.copies.fitting import fitted
from lookalike.images.copies.scaling import Size, brought_to, can_be_copies

MOST_UNEXPLAINED = 3.2
MOST_UNEXPLAINED_OF_SMALL = 1.6
SMALL_SHARE = 0.3
"""Of a copy whose sides are a smaller share than this, less may be unexplained: a small date has nearly gone there."""

MOST_MOVED = 0.34
UNEXPLAINED = "a part differs by more than saving again explains"
_ENLARGED = 0.3
"""Where the smaller has at least this share of the larger one's pixels, the larger may be the copy: enlarged."""

_GLANCE = 400
"""In pixels: large pictures are compared at this longer side first, which most that differ do not survive."""


class Look(NamedTuple):
    """What a look at two pictures found.

    Attributes:
        is_copy: whether one is a copy of the other.
        reason: what sets them apart, for people; None for copies.
    """

    is_copy: bool
    reason: str | None = None


def look(ours: Pixels, theirs: Pixels) -> Look:
    """Tell whether one picture is a copy of the other, by the rule above. The same both ways.

    Args:
        ours: shape (H, W, 3), uint8 sRGB, upright, at its own resolution.
        theirs: likewise.
    """
    small, large = sorted((ours, theirs), key=lambda one: (one.shape[0] * one.shape[1], one.tobytes()[:64]))
    if not can_be_copies(Size(large.shape[1], large.shape[0]), Size(small.shape[1], small.shape[0])):
        return Look(False, "another form, or too small to tell")
    most = MOST_UNEXPLAINED if small.shape[1] >= SMALL_SHARE * large.shape[1] else MOST_UNEXPLAINED_OF_SMALL
    for one, other in _stages(small, large):
        is_resized = small.shape != large.shape
        reason = _what_differs(one, brought_to(other, one), is_resized=is_resized, most=most)
        if reason == UNEXPLAINED and one.size >= _ENLARGED * other.size and is_resized:
            reason = _what_differs(other, brought_to(one, other), is_resized=True, most=most)
        if reason is not None:
            return Look(False, reason)
    return Look(True)


def _stages(small: Pixels, large: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Both at a glance where they are large, then as they are."""
    height, width = small.shape[:2]
    if max(height, width) > 2 * _GLANCE:
        share = _GLANCE / max(height, width)
        size = max(1, round(width * share)), max(1, round(height * share))
        yield _reduced(small, size), _reduced(large, size)
    yield small, large


def _reduced(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=3.0))


def _what_differs(small: Pixels, large: Pixels, *, is_resized: bool, most: float) -> str | None:
    before, after = channels(large), channels(small)
    brightness = before[0]
    if is_resized:
        brightness, moved = fitted(brightness, after[0])
        if moved > MOST_MOVED:
            return "shifted"
    explained = explanation(brightness, after[0])
    if explained.worst > most:
        return UNEXPLAINED
    return what_differs_in_colour((brightness, before[1], before[2]), after, quality=explained.quality)
