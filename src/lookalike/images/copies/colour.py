"""Whether two pictures have the same colours: on the whole, and in every tile."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Pixels
from lookalike.images.copies.explaining import Levels, box_mean, tile_means

_MOST_MEAN = {"brightness": 2.6, "colour": 3.4}
"""In levels of 255. A JPEG rounds a plain ground by up to half a step, everywhere alike."""

_MOST_GAIN = {"brightness": 0.1, "colour": 0.12}
_LEAST_EFFECT = {"brightness": 0.5, "colour": 0.25}
"""In levels: a stretch counts when it moves the usual tile by more; of colour, half of what is rounded comes on top."""

_LARGE_EFFECT = {"brightness": 2.0, "colour": 1.7}
"""In levels: half of that stretch counts when it moves the usual tile by more; likewise."""

_MOST_IN_TILE = 13.0
_MOST_IN_PART = 4.5
_MOST_SLACK = 5.0
_DC_STEP_AT_50 = 17.0

_COLOURED = 3.0
"""In levels: what is less from grey has no hue of its own."""

_FAR_FROM_ROUNDED = 3.0
"""The hue of what has so many times the colour that rounding makes is also looked at alone."""

_FEWEST_COLOURED = 8
_MOST_TURNED = math.radians(12)
_MOST_FADED, _MOST_ADDED = 1.5, 1.2
"""By how much the hue of what is coloured may turn, and how much paler or stronger it may be, besides what
rounding does.

Compression blurs colour, and of thin letters on white what is blurred over the white is lost: of 80 copies of pages
with a few coloured letters, the smallest ones were paler by up to 1.39. Colour is never added so: 1.16 at most, by
rounding. Letters made 1.5 times as saturated are stronger by 1.3 and more in a copy of three quarters of the size.
Other hues of such pages are turned by 16 degrees and more, copies by 8 at most.
"""


def channels(pixels: Pixels) -> tuple[Levels, Levels, Levels]:
    """Brightness and the two differences of colour (ITU-R BT.601).

    Args:
        pixels: shape (H, W, 3), uint8 RGB.
    Returns:
        each shape (H, W), float32, in levels of 255.
    """
    rgb = pixels.astype(np.float32)
    brightness = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    return brightness, (rgb[..., 2] - brightness) * np.float32(0.564), (rgb[..., 0] - brightness) * np.float32(0.713)


def what_differs_in_colour(
    ours: tuple[Levels, Levels, Levels], theirs: tuple[Levels, Levels, Levels], *, quality: int
) -> str | None:
    """What sets the colours of two pictures of one size apart; None where a JPEG quality explains what differs.

    Args:
        ours: three of shape (H, W), float32: brightness and the two differences of colour, of the original.
        theirs: three of shape (H, W), float32: of the copy.
        quality: that explains what differs in brightness.
    """
    slack = min(_MOST_SLACK, _colour_rounding(quality))
    for name, one, other in zip(("brightness", "colour", "colour"), ours, theirs, strict=True):
        before, after = tile_means(one, shift=0), tile_means(other, shift=0)
        if abs(float((after - before).mean())) > _MOST_MEAN[name]:
            return f"another {name} on the whole"
        gain, effect = _gain(before.ravel(), after.ravel())
        rounded = slack / 2 if name == "colour" else 0.0
        if (abs(gain - 1) > _MOST_GAIN[name] and effect > _LEAST_EFFECT[name] + rounded) or (
            abs(gain - 1) > _MOST_GAIN[name] / 2 and effect > _LARGE_EFFECT[name] + rounded
        ):
            return "another contrast" if name == "brightness" else "another saturation or hue"
        in_tiles, in_parts = np.abs(after - before), np.abs(box_mean(after - before, reach=1))
        if name == "colour" and (in_tiles.max() > _MOST_IN_TILE + slack or in_parts.max() > _MOST_IN_PART + slack / 2):
            return "another colour in a part"
    return None if _has_same_hue(ours, theirs, slack=slack) else "another saturation or hue"


def _has_same_hue(ours: tuple[Levels, Levels, Levels], theirs: tuple[Levels, Levels, Levels], *, slack: float) -> bool:
    """Whether those tiles that have any colour have the same one: a page may have a few coloured letters alone."""
    # each tile's colour: how far from grey, and in which direction
    before = tile_means(ours[1], shift=0) + 1j * tile_means(ours[2], shift=0)
    after = tile_means(theirs[1], shift=0) + 1j * tile_means(theirs[2], shift=0)
    strongest = np.maximum(np.abs(before), np.abs(after))
    chosen, strong = strongest >= _COLOURED, strongest >= max(_COLOURED, _FAR_FROM_ROUNDED * slack)
    if np.count_nonzero(chosen) < _FEWEST_COLOURED:
        return True
    was, now = (float(np.linalg.norm(one[chosen])) / float(np.count_nonzero(chosen)) ** 0.5 for one in (before, after))
    if was > _MOST_FADED * now or now > min(_MOST_FADED * was, _MOST_ADDED * was + slack):
        return False
    if not _points_the_same_way(before[chosen], after[chosen], slack=slack):
        return False
    if np.count_nonzero(strong) < _FEWEST_COLOURED:
        return True
    # rounding may turn pale paper, but not the letters on it
    return _points_the_same_way(before[strong], after[strong], slack=slack)


def _points_the_same_way(
    before: NDArray[np.complexfloating], after: NDArray[np.complexfloating], *, slack: float
) -> bool:
    """Whether colours are turned by no more than rounding turns the paler ones."""
    palest = min(float(np.linalg.norm(one)) for one in (before, after)) / len(before) ** 0.5
    return abs(float(np.angle(np.vdot(before, after)))) <= _MOST_TURNED + math.atan2(slack, palest)


def _gain(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[float, float]:
    """By how much values are stretched, and how many levels that makes for the usual tile."""
    spread = before - before.mean()
    square = float(np.square(spread).mean())
    if square < 1e-6:
        return 1.0, float(after.std())
    gain = float((spread * (after - after.mean())).mean()) / square
    return gain, abs(gain - 1) * square**0.5


def _colour_rounding(quality: int) -> float:
    """Half the step to which a JPEG of some quality rounds the colour of a block, in levels."""
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    return _DC_STEP_AT_50 * scale / 16
