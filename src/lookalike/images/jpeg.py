"""Decoding JPEG: libjpeg-turbo straight into an array, scaled on the way where that is faster."""

from __future__ import annotations

import io

import numpy as np
import simplejpeg
from PIL import JpegImagePlugin

from lookalike.core.vectors import Pixels
from lookalike.images.edge import refusals, silence_pillow
from lookalike.images.flatten import flatten
from lookalike.images.headers.base import Header
from lookalike.images.sniff import ImageFormat

# Warnings about bytes that do no harm to the pixels; real cameras and editors leave them.
_HARMLESS = ("extraneous bytes", "unknown jfif revision", "unknown adobe", "invalid sos parameters")
# TurboJPEG has names for the common sampling factors alone; libjpeg, which lies below it, reads all.
_UNUSUAL_SAMPLING = "subsampling level"


def decode_jpeg(data: bytes, *, header: Header, scale: int) -> Pixels:
    """Decode a JPEG, not yet turned upright.

    Args:
        data: the whole file; bytes after the picture are ignored.
        header: of this file.
        scale: 1, 2, 4 or 8.
    Returns:
        shape (ceil(H / scale), ceil(W / scale), 3), uint8, C-contiguous.
    Raises:
        ImageRefused: `truncated`, `damaged` or `unsupported_format`. A picture of which a part is grey because
            its data are broken counts as damaged.
    """
    if header.components == 4:
        return _with_pillow(data, header=header, scale=scale)
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            "RGB",
            min_height=-(-header.height // scale) if scale > 1 else 0,
            min_width=-(-header.width // scale) if scale > 1 else 0,
        )
    except ValueError as error:
        if any(sign in str(error).lower() for sign in (*_HARMLESS, _UNUSUAL_SAMPLING)):
            return _with_pillow(data, header=header, scale=scale)
        with refusals(ImageFormat.JPEG):
            raise
    return np.asarray(pixels, dtype=np.uint8)


def _with_pillow(data: bytes, *, header: Header, scale: int) -> Pixels:
    """The slower way: inks instead of light, unusual sampling factors, harmless rubbish between the parts of a file."""
    silence_pillow()
    with refusals(ImageFormat.JPEG):
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.draft(image.mode, (header.width // scale, header.height // scale))
        return flatten(image)
