"""The gate before every decoder: format, header and cost are checked while nothing is decoded yet."""

from __future__ import annotations

import struct
from typing import NamedTuple

from lookalike.core.errors import ImageRefused
from lookalike.images.headers.base import Header, cut_short
from lookalike.images.limits import ImageLimits
from lookalike.images.picture_format import PictureFormat
from lookalike.images.refusals import RefusalCode, refusal, to_raise
from lookalike.images.sniff import format_of


class Inspected(NamedTuple):
    """A picture that may be decoded: its format by content, and its header."""

    format: PictureFormat
    header: Header


def inspect(data: bytes, *, limits: ImageLimits, size_bytes: int | None = None) -> Inspected:
    """Read a picture's header and check everything that does not depend on how it will be decoded.

    Args:
        data: the whole file, or its beginning.
        limits: what a picture may cost.
        size_bytes: of the whole file; None where `data` is that.
    Raises:
        ImageRefused: with any code that a header can earn.
    """
    whole_bytes = len(data) if size_bytes is None else size_bytes
    if whole_bytes > limits.max_bytes:
        raise too_large(whole_bytes, limits=limits)
    image_format = format_of(data)
    try:
        header = image_format.read_header(data)
    except (struct.error, IndexError) as error:
        raise cut_short(f"the {image_format.name} header") from error
    check_size(header.width, header.height, limits=limits)
    if header.passes > 1 and header.passes * header.width * header.height > limits.max_scanned_pixels:
        work = f"{header.passes} passes over {header.width} x {header.height} pixels"
        raise refusal(RefusalCode.TOO_COSTLY, f"{work}; at most {limits.max_scanned_pixels} pixels in all")
    return Inspected(image_format, header)


def too_large(size_bytes: int, *, limits: ImageLimits) -> ImageRefused:
    """The refusal of a file of too many bytes."""
    most = f"expected at most {limits.max_bytes:,} bytes, got {size_bytes:,}"
    values = {"limit_bytes": limits.max_bytes, "got_bytes": size_bytes}
    return refusal(RefusalCode.TOO_LARGE, most, to_do=to_raise("max_bytes"), **values)


def check_size(width: int, height: int, *, limits: ImageLimits) -> None:
    """Check what a header claims, or what a decoder is about to make.

    Raises:
        ImageRefused: `zero_size` or `too_many_pixels`.
    """
    if width <= 0 or height <= 0:
        raise refusal(RefusalCode.ZERO_SIZE, f"expected a picture of at least 1 x 1 pixels, got {width} x {height}")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        claimed = f"the header claims {width} x {height} pixels"
        most = f"at most {limits.max_pixels:,} pixels and {limits.max_side:,} on a side"
        name = "max_side" if max(width, height) > limits.max_side else "max_pixels"
        values = {"width": width, "height": height, "limit": limits.max_pixels}
        raise refusal(RefusalCode.TOO_MANY_PIXELS, f"{claimed}; {most}", to_do=to_raise(name), **values)
