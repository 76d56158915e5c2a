"""Pixels become files: small JPEGs to look at, PNGs that lose nothing."""

from __future__ import annotations

import io

from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels


def thumbnail_jpeg(pixels: Pixels, *, side: int = 256, quality: int = 80) -> bytes:
    """A JPEG whose longer side is at most `side`, in the same proportions; never enlarged.

    Args:
        pixels: shape (H, W, 3), uint8 RGB.
        side: in pixels, at least 1.
        quality: 1 to 95.
    Raises:
        BadInput: `side` or `quality` out of range.
    """
    if side < 1 or not 1 <= quality <= 95:
        raise BadInput(
            f"expected a side of at least 1 and a quality of 1 to 95, got {side} and {quality}"
            "; leave quality out for the usual one"
        )
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _save(image, "JPEG", quality=quality)


def png_bytes(pixels: Pixels) -> bytes:
    """A PNG of exactly these pixels: the file that stands for a picture given as an array.

    Equal pixels give equal bytes with one version of Pillow and its zlib; another may pack them otherwise.

    Args:
        pixels: shape (H, W, 3), uint8 RGB.
    """
    return _save(Image.fromarray(pixels), "PNG", compress_level=3)


def _save(image: Image.Image, image_format: str, **options: int) -> bytes:
    target = io.BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()
