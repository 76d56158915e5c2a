"""The rule for what is a copy: what a re-save, a resize and a recompression may change, and what they may not.

- **Size**: the same proportions, to a pixel's rounding, and sides of at least a quarter of the larger one's: of what is
  smaller, words can no longer be told apart. Cut edges, borders and mirrored pictures are no copies.
- **Place**: one is brought to the size of the other by the filter that comes closest. What remains may be one small
  blur, the same everywhere, and a shift of a third of a pixel; none at all between pictures of one size.
- **Brightness**: what then differs must be explained by one quality of JPEG, the same for the whole picture: the
  larger one is compressed at qualities from 95 down to 6, the finest is taken at which nine of ten tiles with
  structure differ no more than compression makes them, and no tile of 8 x 8 pixels may differ by more than
  `most_unexplained` times that: 1.2 in 3,300 pixels and 1.1 more in ten times as many, up to 3.2, for of more tiles the
  worst lies further out, and in few tiles a date is small. So the worst tile decides: another digit on a page is one.
- **Colour**: mean, contrast and saturation are the same up to what compression rounds away, and so is each tile. Those
  tiles that have any colour have the same hue, however few they are.

The figures were found on one half of the photos and a few of the other; `benchmarks/duplicates` measures on the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.core.vectors import Pixels
from lookalike.images.copies.colour import channels, what_differs_in_colour
from lookalike.images.copies.explaining import QUALITIES, explanation
from lookalike.images.copies.fitting import fitted
from lookalike.images.copies.scaling import LEAST_PIXELS, Size, brought_to, can_be_copies

_MOST_IN_LEAST, _MORE_IN_TEN_TIMES, _MOST_AT_ALL = 1.2, 1.1, 3.2
MOST_MOVED = 0.34
UNEXPLAINED = "a part differs by more than saving again explains"
_ENLARGED = 0.3
"""Where the smaller has at least this share of the larger one's pixels, the larger may be the copy: enlarged."""

_NEARLY = 2.0
"""Then the larger made small may exceed the limit by this, no more: what differs much there is not enlarging."""

_HELD_SIDE = 512

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
    small, large = sorted((ours, theirs), key=lambda one: one.shape[0] * one.shape[1])
    sizes = [Size(one.shape[1], one.shape[0]) for one in (large, small)]
    if not can_be_copies(*sizes) or small.shape[0] * small.shape[1] < LEAST_PIXELS:
        return Look(False, "another form, or too small to tell")
    is_resized = small.shape != large.shape
    for one, other in _stages(small, large):
        most = most_unexplained(one)
        differing = _what_differs(one, brought_to(other, one), is_resized=is_resized, most=most)
        if not is_resized:  # either may be the one saved again
            differing = _finer(differing, _what_differs(other, one, is_resized=False, most=most))
        elif (
            differing.reason == UNEXPLAINED and one.size >= _ENLARGED * other.size and differing.worst <= _NEARLY * most
        ):
            differing = _what_differs(other, brought_to(one, other), is_resized=True, most=most)
        if differing.reason is not None:
            return Look(False, differing.reason)
    return Look(True)


def most_unexplained(small: Pixels) -> float:
    """By how many times the worst tile of a copy may exceed what compression makes of it."""
    times = max(1.0, small.shape[0] * small.shape[1] / LEAST_PIXELS)
    return min(_MOST_AT_ALL, _MOST_IN_LEAST + _MORE_IN_TEN_TIMES * math.log10(times))


def holds_no_more(large: Pixels, small: Pixels, *, quality: int) -> bool:
    """Whether the larger of two copies is the smaller one enlarged: that, compressed as the larger is, explains it.

    Args:
        large: shape (H, W, 3), uint8 sRGB.
        small: likewise, of fewer pixels.
        quality: of the larger one's compression, 1 to 100.
    """
    height, width = large.shape[:2]
    high, wide = min(height, _HELD_SIDE), min(width, _HELD_SIDE)
    top, left = (height - high) // 2, (width - wide) // 2
    across, down = small.shape[1] / width, small.shape[0] / height
    box = left * across, top * down, (left + wide) * across, (top + high) * down
    enlarged = np.asarray(Image.fromarray(small).resize((wide, high), Image.Resampling.BICUBIC, box=box))
    there = channels(large[top : top + high, left : left + wide])[0]
    explained = explanation(fitted(channels(enlarged)[0], there).levels, there)
    return explained.worst < math.inf and explained.quality >= max(
        (one for one in QUALITIES if one <= quality), default=QUALITIES[-1]
    )


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


class _Differing(NamedTuple):
    """What sets two pictures of one size apart, None for nothing.

    Attributes:
        reason: for people.
        worst: by how much the worst tile exceeds.
        quality: of the compression that explains the rest; 0 where none does.
    """

    reason: str | None
    worst: float
    quality: int


def _finer(ours: _Differing, theirs: _Differing) -> _Differing:
    """What was found with the finer compression: a coarser one would excuse more, also what differs in colour."""
    return max(ours, theirs, key=lambda one: (one.quality, one.reason is not None))


def _what_differs(small: Pixels, large: Pixels, *, is_resized: bool, most: float) -> _Differing:
    before, after = channels(large), channels(small)
    brightness = before[0]
    if is_resized:
        brightness, moved = fitted(brightness, after[0])
        if moved > MOST_MOVED:
            return _Differing("shifted", 0.0, 0)
    explained = explanation(brightness, after[0])
    if explained.worst > most:
        return _Differing(UNEXPLAINED, explained.worst, 0)
    reason = what_differs_in_colour((brightness, before[1], before[2]), after, quality=explained.quality)
    return _Differing(reason, explained.worst, explained.quality)
