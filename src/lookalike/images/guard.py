"""The gate before every decoder: format, header and cost are checked while nothing is decoded yet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from lookalike.images.headers import avif, bmff, bmp, gif, jpeg, png, tiff, webp
from lookalike.images.headers.base import Header, cut_short
from lookalike.images.limits import ImageLimits
from lookalike.images.refusals import RefusalCode, refusal
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
        raise refusal(RefusalCode.TOO_LARGE, f"expected at most {limits.max_bytes} bytes, got {len(data)}")
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


def check_size(width: int, height: int, *, limits: ImageLimits) -> None:
    """Check what a header claims, or what a decoder is about to make.

    Raises:
        ImageRefused: `zero_size` or `too_many_pixels`.
    """
    if width <= 0 or height <= 0:
        raise refusal(RefusalCode.ZERO_SIZE, f"a picture of {width} x {height} pixels holds nothing")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        most = f"at most {limits.max_pixels} pixels and {limits.max_side} on a side"
        raise refusal(RefusalCode.TOO_MANY_PIXELS, f"the header claims {width} x {height} pixels; {most}")


def decode_bytes(header: Header, *, scale: int) -> int:
    """Estimate the memory that decoding takes at its peak.

    Args:
        header: of the picture.
        scale: by how much each side is divided while decoding; 1 where a format cannot.
    Returns:
        bytes.
    """
    return header.fixed_bytes + round(header.width * header.height * header.pixel_bytes / scale**2)


def check_cost(cost_bytes: int, *, size_bytes: int, limits: ImageLimits) -> None:
    """Check the memory that decoding will take, by itself and against the size of the file.

    Raises:
        ImageRefused: `too_costly`.
    """
    if cost_bytes > limits.max_decode_bytes:
        most = f"at most {limits.max_decode_bytes / 1e6:.0f} MB"
        raise refusal(RefusalCode.TOO_COSTLY, f"decoding would take {cost_bytes / 1e6:.0f} MB of memory; {most}")
    if cost_bytes > max(limits.free_decode_bytes, limits.max_expansion * size_bytes):
        what = f"{size_bytes} bytes would become {cost_bytes / 1e6:.0f} MB of memory"
        raise refusal(RefusalCode.TOO_COSTLY, f"{what}: a decompression bomb")
