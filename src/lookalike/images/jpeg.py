"""Decoding JPEG: libjpeg-turbo straight into an array, scaled on the way where that is faster."""

from __future__ import annotations

import io

import numpy as np
import simplejpeg

from lookalike.core.errors import ImageRefused
from lookalike.core.vectors import Pixels
from lookalike.images.edge import refusals, silence_pillow
from lookalike.images.flatten import flatten
from lookalike.images.headers.base import Header
from lookalike.images.jpeg_end import with_its_end
from lookalike.images.picture_format import DecodedPixels
from lookalike.images.refusals import RefusalCode

# Warnings about bytes that do no harm to the pixels; real cameras and editors leave them.
_HARMLESS = ("extraneous bytes", "unknown jfif revision", "unknown adobe", "invalid sos parameters")
# TurboJPEG has names for the common sampling factors alone; libjpeg, which lies below it, reads all.
_UNUSUAL_SAMPLING = "subsampling level"
_END = b"\xff\xd9"


def decode_jpeg(data: bytes, *, header: Header, scale: int) -> DecodedPixels:
    """Decode a JPEG.

    Args:
        data: the whole file; bytes after the picture are ignored.
        header: of this file.
        scale: 1, 2, 4 or 8.
    Raises:
        ImageRefused: `truncated`, `damaged` or `unsupported_format`. A picture of which a part is grey because
            its data are broken counts as damaged.
    """
    try:
        return DecodedPixels(_decode(data, header=header, scale=scale), lacks_its_end=False)
    except ImageRefused as error:
        ended = with_end(data, header=header) if error.code == RefusalCode.TRUNCATED else None
        if ended is None:
            raise
    return DecodedPixels(_decode(ended, header=header, scale=scale), lacks_its_end=True)


def with_end(data: bytes, *, header: Header) -> bytes | None:
    """A file that lacks nothing but the marker which ends it, with that; None where it has one, or lacks more.

    All of it is decoded to tell. Where sampling is unusual that is not possible: there it counts as lacking more.
    """
    if data.endswith(_END) or (ended := with_its_end(data)) is None:
        return None
    try:
        _by_turbo(ended, header=header, scale=8)
    except ValueError:  # it warns of data that end early, and would make up the rest
        return None
    return ended


def _decode(data: bytes, *, header: Header, scale: int) -> Pixels:
    if header.components == 4:
        return _with_pillow(data, header=header, scale=scale)
    try:
        return _by_turbo(data, header=header, scale=scale)
    except ValueError as error:
        if any(sign in str(error).lower() for sign in (*_HARMLESS, _UNUSUAL_SAMPLING)):
            return _with_pillow(data, header=header, scale=scale)
        with refusals("jpeg"):
            raise


def _by_turbo(data: bytes, *, header: Header, scale: int) -> Pixels:
    """Whatever libjpeg-turbo warns of is a ValueError. Of inks, the values come as they are."""
    pixels = simplejpeg.decode_jpeg(
        data,
        "CMYK" if header.components == 4 else "RGB",
        min_height=-(-header.height // scale) if scale > 1 else 0,
        min_width=-(-header.width // scale) if scale > 1 else 0,
    )
    return np.asarray(pixels, dtype=np.uint8)


def _with_pillow(data: bytes, *, header: Header, scale: int) -> Pixels:
    """The slower way: inks instead of light, unusual sampling factors, harmless rubbish between the parts of a file."""
    from PIL.JpegImagePlugin import JpegImageFile  # which most JPEGs do not need

    silence_pillow()
    with refusals("jpeg"):
        image = JpegImageFile(io.BytesIO(data))
        image.draft(image.mode, (header.width // scale, header.height // scale))
        return flatten(image)
