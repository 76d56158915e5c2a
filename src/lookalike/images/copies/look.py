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
- **Both ways**: of two pictures of one size, one must explain the other within that limit, and the other the one within
  1.25 times of it: of two frames the sharper one at times explains the other, by a quality that makes it unreadable.
- **Small letters**: in fewer than 150,000 pixels, more than a tenth of which has structure, qualities under 18 explain
  nothing: they leave nothing of small letters. One way is enough for this.
- **Colour**: mean, contrast and saturation are the same up to what compression rounds away, and so is each tile. Those
  tiles that have any colour have the same hue, however few they are, and so have those that have much more than
  rounding makes. Compression makes them paler, not stronger. At a glance nobody can tell how coarsely colours were
  rounded: there as much is excused as by the coarsest quality.

The figures were found on one half of the photos, a few hundred of the other and drawn pages; `benchmarks/duplicates`
measures on others.
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
from lookalike.images.copies.fitting import fit
from lookalike.images.copies.scaling import LEAST_PIXELS, Size, brought_to, can_be_copies

_MOST_IN_LEAST, _MORE_IN_TEN_TIMES, _MOST_AT_ALL = 1.2, 1.1, 3.2
_SMALL = 3_300
"""In pixels: up to here the least is excused."""

MOST_MOVED = 0.34
UNEXPLAINED = "a part differs by more than saving again explains"
_ENLARGED = 0.3
"""Where the smaller has at least this share of the larger one's pixels, the larger may be the copy: enlarged."""

_NEARLY = 2.0
_FINE = 50
"""Then the larger made small may exceed the limit by so many times, or be explained by no compression at all: enlarging
blurs sharp letters more than any. But then the smaller enlarged, saved at this quality or finer, must be the larger."""

_OTHER_WAY = 1.25
"""Of two pictures of one size, that which explains the other less well may exceed the limit by so many times."""

_READABLE, _FULL, _COARSEST_OF_SMALL = 150_000, 0.1, 18
"""In fewer pixels than the first, where more than the second of all tiles has structure, no coarser quality than the
third explains: it leaves nothing of small letters."""

_PIECE_SIDE = 512

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
    coarsest = QUALITIES[-1] if small.shape[0] * small.shape[1] >= _READABLE else _COARSEST_OF_SMALL
    for one, other, is_whole in _stages(small, large):
        rule = _Rule(is_resized=is_resized, is_whole=is_whole, most=most_unexplained(one))
        differing = _compare(one, other, rule)
        if differing.reason is None and differing.quality < coarsest and differing.structured > _FULL:
            return Look(False, UNEXPLAINED)
        if differing.reason is not None:
            return Look(False, differing.reason)
    return Look(True)


def most_unexplained(small: Pixels) -> float:
    """By how many times the worst tile of a copy may exceed what compression makes of it.

    Args:
        small: shape (H, W, 3), uint8 RGB.
    """
    times = max(1.0, small.shape[0] * small.shape[1] / _SMALL)
    return min(_MOST_AT_ALL, _MOST_IN_LEAST + _MORE_IN_TEN_TIMES * math.log10(times))


def holds_no_more(large: Pixels, small: Pixels, *, quality: int) -> bool:
    """Whether the larger of two copies is the smaller one enlarged: that, compressed as the larger is, explains it.

    Args:
        large: shape (H, W, 3), uint8 sRGB.
        small: likewise, of fewer pixels.
        quality: of the larger one's compression, 1 to 100.
    """
    height, width = large.shape[:2]
    high, wide = min(height, _PIECE_SIDE), min(width, _PIECE_SIDE)
    top, left = (height - high) // 2, (width - wide) // 2
    across, down = small.shape[1] / width, small.shape[0] / height
    box = left * across, top * down, (left + wide) * across, (top + high) * down
    enlarged = np.asarray(Image.fromarray(small).resize((wide, high), Image.Resampling.BICUBIC, box=box))
    there = channels(large[top : top + high, left : left + wide])[0]
    explained = explanation(fit(channels(enlarged)[0], there).levels, there)
    return explained.worst < math.inf and explained.quality >= max(
        (one for one in QUALITIES if one <= quality), default=QUALITIES[-1]
    )


def _stages(small: Pixels, large: Pixels) -> Iterator[tuple[Pixels, Pixels, bool]]:
    """Both at a glance where they are large, then as they are; and whether they are whole."""
    height, width = small.shape[:2]
    if max(height, width) > 2 * _GLANCE:
        share = _GLANCE / max(height, width)
        size = max(1, round(width * share)), max(1, round(height * share))
        yield _reduce(small, size), _reduce(large, size), False
    yield small, large, True


def _reduce(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=3.0))


class _Rule(NamedTuple):
    """By what two pictures of one size are judged.

    Attributes:
        is_resized: whether one was brought to the size of the other.
        is_whole: whether they are seen at their own resolution: at a glance nobody can tell how coarsely their colours
            were rounded, so as much is excused as any quality explains.
        most: by how much the worst tile may exceed.
    """

    is_resized: bool
    is_whole: bool
    most: float


class _Differing(NamedTuple):
    """What sets two pictures of one size apart, None for nothing.

    Attributes:
        reason: for people.
        worst: by how much the worst tile exceeds.
        quality: of the compression that explains the rest; 0 where none does.
        structured: the share of tiles that have structure, where it does.
    """

    reason: str | None
    worst: float
    quality: int
    structured: float = 0.0


def _compare(small: Pixels, large: Pixels, rule: _Rule) -> _Differing:
    """What sets two pictures apart, whichever of them was made of the other."""
    differing = _what_differs(small, brought_to(large, small), rule)
    is_near = differing.reason == UNEXPLAINED and differing.worst <= _NEARLY * rule.most
    if not rule.is_resized:
        if differing.reason is None or is_near:
            return _both_ways(differing, _what_differs(large, small, rule), rule)
        return differing
    could_be_enlarged = differing.reason == UNEXPLAINED and small.size >= _ENLARGED * large.size
    if could_be_enlarged and (is_near or differing.worst == math.inf):
        enlarged = _what_differs(large, brought_to(small, large), rule)
        return enlarged if is_near or enlarged.quality >= _FINE else differing
    return differing


def _both_ways(ours: _Differing, theirs: _Differing, rule: _Rule) -> _Differing:
    """What sets two pictures of one size apart: one explains the other within the limit, which nearly explains it."""
    for way in (ours, theirs):
        if way.reason is not None and not (way.reason == UNEXPLAINED and way.worst <= _OTHER_WAY * rule.most):
            return way
    return max(ours, theirs, key=lambda way: way.quality)


def _what_differs(small: Pixels, large: Pixels, rule: _Rule) -> _Differing:
    before, after = channels(large), channels(small)
    brightness = before[0]
    if rule.is_resized:
        brightness, moved = fit(brightness, after[0])
        if moved > MOST_MOVED:
            return _Differing("shifted", 0.0, 0)
    explained = explanation(brightness, after[0])
    if explained.worst > rule.most:
        return _Differing(UNEXPLAINED, explained.worst, 0)
    quality = explained.quality if rule.is_whole else QUALITIES[-1]
    reason = what_differs_in_colour((brightness, before[1], before[2]), after, quality=quality)
    return _Differing(reason, explained.worst, explained.quality, explained.structured)
