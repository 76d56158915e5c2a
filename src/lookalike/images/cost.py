"""What decoding a picture takes in memory, estimated from its header, and whether that is too much."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.images.guard import Inspected
from lookalike.images.limits import ImageLimits
from lookalike.images.refusals import RefusalCode, refusal, to_raise

BAND_PIXELS = 1 << 18
"""Pixels that are converted at a time, or one row of the result: copies of a whole large picture would add up."""

_BAND_PIXEL_BYTES = 20  # copies of a band on its way to RGB on white
_RESULT_PIXEL_BYTES = 3
_MARGIN = 1.05  # rows at the edge, buffers of the decoders
_SCALES = (8, 4, 2)


class Plan(NamedTuple):
    """How a picture will be decoded.

    Attributes:
        scale: by how much each side is divided while it is decoded.
        shrink: by how much each side of what was decoded is divided after that.
        cost_bytes: memory that this takes at its peak, besides the file itself.
    """

    scale: int
    shrink: int
    cost_bytes: int


def plan_decoding(inspected: Inspected, *, min_side: int | None) -> Plan:
    """Choose how to decode, and estimate what it takes.

    The estimate is meant to be no less than the truth and no more than about twice that: a test measures every format.

    Args:
        inspected: the picture's format and header.
        min_side: below which no side may come; None for every pixel.
    """
    header = inspected.header
    shorter = min(header.width, header.height)
    scale = shrink = 1
    if min_side is not None and inspected.format.decode_scaled is not None:
        scale = best_scale(shorter, min_side=min_side)
    elif min_side is not None:
        shrink = max(1, shorter // min_side)
    pixels = header.width * header.height / scale**2
    at_the_end = header.kept_bytes + _RESULT_PIXEL_BYTES / shrink**2
    band_pixels = min(pixels, max(BAND_PIXELS, header.width * shrink)) if header.kept_bytes else 0
    cost = header.fixed_bytes + pixels * max(header.pixel_bytes, at_the_end) + band_pixels * _BAND_PIXEL_BYTES
    return Plan(scale, shrink, round(cost * _MARGIN))


def best_scale(shorter: int, *, min_side: int) -> int:
    """By how much a picture can be scaled while it is decoded and its shorter side does not fall below `min_side`.

    libjpeg-turbo has fast code for these alone: on a photo of 348 x 348 pixels, 6/8 takes longer than the whole.
    """
    return next((scale for scale in _SCALES if shorter >= scale * min_side), 1)


def check_cost(cost_bytes: int, *, size_bytes: int, limits: ImageLimits) -> None:
    """Check the memory that decoding will take, by itself and against the size of the file.

    Raises:
        ImageRefused: `too_costly`.
    """
    needed = f"decoding would take {cost_bytes / 1e6:,.0f} MB of memory"
    if cost_bytes > limits.max_decode_bytes:
        most = f"at most {limits.max_decode_bytes / 1e6:,.0f} MB"
        raise refusal(RefusalCode.TOO_COSTLY, f"{needed}; {most}", to_do=to_raise("max_decode_bytes"))
    if cost_bytes > max(limits.trusted_decode_bytes, limits.max_expansion * size_bytes):
        what = f"more than {limits.max_expansion:,} times the {size_bytes:,} bytes of the file, as a decompression bomb"
        raise refusal(RefusalCode.TOO_COSTLY, f"{needed}, {what}", to_do=to_raise("max_expansion"))
