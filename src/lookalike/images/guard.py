"""The gate before every decoder: format, header and cost are checked while nothing is decoded yet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from lookalike.core.errors import ImageRefused
from lookalike.images.headers import avif, bmff, bmp, gif, jpeg, png, tiff, webp
from lookalike.images.headers.base import Header, cut_short
from lookalike.images.limits import ImageLimits
from lookalike.images.refusals import RefusalCode, refusal, to_raise
from lookalike.images.sniff import ImageFormat, format_of

_READERS: dict[ImageFormat, Callable[[bytes], Header]] = {
    ImageFormat.JPEG: jpeg.read_header,
    ImageFormat.PNG: png.read_header,
    ImageFormat.WEBP: webp.read_header,
    ImageFormat.GIF: gif.read_header,
    ImageFormat.BMP: bmp.read_header,
    ImageFormat.TIFF: tiff.read_header,
    ImageFormat.AVIF: avif.read_header,
    ImageFormat.HEIC: bmff.read_header,
}


class Inspected(NamedTuple):
    """A picture that may be decoded: its format by content, and its header."""

    format: ImageFormat
    header: Header


def inspect(data: bytes, *, limits: ImageLimits) -> Inspected:
    """Read a picture's header and check everything that does not depend on how it will be decoded.

    Raises:
        ImageRefused: with any code that a header can earn.
    """
    if len(data) > limits.max_bytes:
        raise too_large(len(data), limits=limits)
    image_format = format_of(data)
    try:
        header = _READERS[image_format](data)
    except (struct.error, IndexError) as error:
        raise cut_short(f"the {image_format} header") from error
    check_size(header.width, header.height, limits=limits)
    if header.passes > 1 and header.passes * header.width * header.height > limits.max_scanned_pixels:
        work = f"{header.passes} passes over {header.width} x {header.height} pixels"
        raise refusal(RefusalCode.TOO_COSTLY, f"{work}; at most {limits.max_scanned_pixels} pixels in all")
    return Inspected(image_format, header)


def too_large(size_bytes: int, *, limits: ImageLimits) -> ImageRefused:
    """The refusal of a file of too many bytes."""
    most = f"expected at most {limits.max_bytes:,} bytes, got {size_bytes:,}"
    values = {"limit_bytes": limits.max_bytes, "got_bytes": size_bytes}
    return refusal(RefusalCode.TOO_LARGE, f"{most}: {to_raise('max_bytes')}", **values)


def check_size(width: int, height: int, *, limits: ImageLimits) -> None:
    """Check what a header claims, or what a decoder is about to make.

    Raises:
        ImageRefused: `zero_size` or `too_many_pixels`.
    """
    if width <= 0 or height <= 0:
        raise refusal(RefusalCode.ZERO_SIZE, f"a picture of {width} x {height} pixels holds nothing")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        claimed = f"the header claims {width} x {height} pixels"
        most = f"at most {limits.max_pixels:,} pixels and {limits.max_side:,} on a side"
        name = "max_side" if max(width, height) > limits.max_side else "max_pixels"
        values = {"width": width, "height": height, "limit": limits.max_pixels}
        raise refusal(RefusalCode.TOO_MANY_PIXELS, f"{claimed}; {most}: {to_raise(name)}", **values)
