"""Any Pillow image becomes RGB pixels: every mode, every depth, transparency on white."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.core.vectors import Pixels
from lookalike.images.cost import BAND_PIXELS

# Entry i is round(i * 255 / 65535): sixteen bits scaled to eight, not clipped.
SIXTEEN_TO_EIGHT: NDArray[np.uint8] = ((np.arange(65_536, dtype=np.uint32) + 128) // 257).astype(np.uint8)

_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_READY = frozenset({"L", "RGB", "CMYK", "YCbCr", "HSV", "RGBX"})

_ToEightBits = Callable[[Image.Image], Image.Image]


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
    pixels = np.empty((-(-image.height // shrink), -(-image.width // shrink), 3), dtype=np.uint8)
    to_eight_bits = _to_eight_bits(image)
    rows = max(1, BAND_PIXELS // (image.width * shrink))
    for top, band in _bands(image, rows=rows * shrink):
        ready = _with_plain_channels(to_eight_bits(band))
        at = top // shrink
        pixels[at : at + rows] = _on_white(ready.reduce(shrink) if shrink > 1 else ready)
    return pixels


def _bands(image: Image.Image, *, rows: int) -> Iterator[tuple[int, Image.Image]]:
    """The image in horizontal bands, each with its first row."""
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def _to_eight_bits(image: Image.Image) -> _ToEightBits:
    """How any part of this image becomes grey of 8 bits; what has no more stays as it is."""
    if image.mode.startswith("I;16"):
        return lambda band: Image.fromarray(SIXTEEN_TO_EIGHT[np.asarray(band).astype(np.uint16, copy=False)])
    if image.mode not in ("I", "F"):
        return lambda band: band
    low, high = _range(image)
    if image.mode == "I" and low >= 0 and 255 < high <= 65_535:
        return lambda band: Image.fromarray(SIXTEEN_TO_EIGHT[np.asarray(band)])
    return lambda band: Image.fromarray(_stretch(np.asarray(band), low=low, high=high))


def _range(image: Image.Image) -> tuple[float, float]:
    """The smallest and the largest value that is finite."""
    low, high = np.inf, -np.inf
    for _, band in _bands(image, rows=max(1, BAND_PIXELS // image.width)):
        values = np.asarray(band)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _stretch(values: NDArray[np.float32] | NDArray[np.int32], *, low: float, high: float) -> NDArray[np.uint8]:
    """Values without a known range, spread from their smallest to their largest; NaN and infinities are black."""
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    steps = 255 / ((high - low) or 1.0)
    scaled = np.where(np.isfinite(values), values, low).astype(np.float32)
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


def _on_white(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode not in _WITH_ALPHA:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image)
    return np.asarray(canvas, dtype=np.uint8)
