"""Any Pillow image becomes RGB pixels: every mode, every depth, transparency on white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.core.vectors import Pixels

# Entry i is round(i * 255 / 65535): sixteen bits scaled to eight, not clipped.
SIXTEEN_TO_EIGHT: NDArray[np.uint8] = ((np.arange(65_536, dtype=np.uint32) + 128) // 257).astype(np.uint8)

_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_READY = frozenset({"L", "RGB", "CMYK", "YCbCr", "HSV", "RGBX"})


def flatten(image: Image.Image, *, shrink: int = 1) -> Pixels:
    """Bring an image into the one form that is embedded.

    Args:
        image: any mode; loaded here where it is not yet. Not turned.
        shrink: each side is divided by this, averaging boxes of pixels (transparent ones count by their alpha).
    Returns:
        shape (H, W, 3), uint8 RGB, C-contiguous, a new array.
    Raises:
        ValueError: for a mode that Pillow cannot bring to RGB, such as LAB; any error of loading.
    """
    image.load()
    ready = _with_plain_channels(_with_eight_bits(image))
    if shrink > 1:
        ready = ready.reduce(shrink)
    return np.ascontiguousarray(np.asarray(_on_white(ready), dtype=np.uint8))


def _with_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits as grey of 8; anything else as it is."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(SIXTEEN_TO_EIGHT[np.asarray(image).astype(np.uint16, copy=False)])
    if image.mode not in ("I", "F"):
        return image
    values = np.asarray(image)
    if image.mode == "I" and values.min() >= 0 and 255 < values.max() <= 65_535:
        return Image.fromarray(SIXTEEN_TO_EIGHT[values])
    return Image.fromarray(_stretched(values))


def _stretched(values: NDArray[np.float32] | NDArray[np.int32]) -> NDArray[np.uint8]:
    """Values without a known range, spread from their smallest to their largest; NaN and infinities are black."""
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    steps = 255 / ((high - low) or 1.0)
    scaled = np.where(finite, values, low).astype(np.float32)
    scaled *= steps
    scaled -= low * steps
    return np.rint(scaled.clip(0, 255, out=scaled), out=scaled).astype(np.uint8)


def _with_plain_channels(image: Image.Image) -> Image.Image:
    """Palettes and keyed transparency resolved, so that neighbouring pixels may be averaged."""
    if image.mode in _WITH_ALPHA or (image.mode in _READY and "transparency" not in image.info):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in _WITH_ALPHA:
        return image.convert("RGB")
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image)
    return canvas
