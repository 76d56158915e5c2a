"""Pictures that Python users already hold: NumPy arrays and Pillow images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from lookalike.core.arrays import is_grey
from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels
from lookalike.images.edge import silence_pillow
from lookalike.images.flatten import SIXTEEN_TO_EIGHT, flatten

_SHAPES = "(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"


def from_array(array: ArrayLike) -> Pixels:
    """Bring an array into the one form that is embedded.

    Args:
        array: shape (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA, laid on white. uint8; uint16 (scaled); bool; other
            integers from 0 to 255; floats from 0 to 1. Or (H, W) grey of uint8, uint16 or bool; two axes of other
            types are not taken, for they could as well be vectors.
    Returns:
        shape (H, W, 3), uint8 RGB, C-contiguous; a view where `array` already was that, else a new array.
    Raises:
        BadInput: another shape or dtype, an empty array, values out of range.
    """
    given = np.asarray(array)
    if given.ndim == 2 and not is_grey(given):
        raise BadInput(
            f"expected a picture, got {given.dtype} of shape {given.shape}, which could as well be vectors: a grey "
            "picture of two axes has uint8, uint16 or bool; give one of other types a third axis: array[:, :, None]"
        )
    channels = given[:, :, None] if given.ndim == 2 else given
    if channels.ndim != 3 or channels.shape[2] not in (1, 3, 4):
        channels_first = given.ndim == 3 and given.shape[0] in (1, 3, 4)
        advice = "move the channels last: array.transpose(1, 2, 0)" if channels_first else "give one picture at a time"
        raise BadInput(f"expected a picture of shape {_SHAPES}, got {given.shape}; {advice}")
    if not given.size:
        raise BadInput(f"expected at least one pixel, got an array of shape {given.shape}; leave out what is empty")
    values = _eight_bits(channels)
    if values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return np.ascontiguousarray(values if values.shape[2] == 3 else _on_white(values))


def from_pil(image: Image.Image) -> Pixels:
    """Bring a Pillow image into the one form that is embedded, turned upright by its EXIF.

    Returns:
        shape (H, W, 3), uint8 RGB, C-contiguous, a new array; transparency on white.
    Raises:
        BadInput: an image that cannot be loaded or brought to RGB.
    """
    silence_pillow()
    if not all(image.size):
        raise BadInput(
            f"expected at least one pixel, got an image of {image.width} x {image.height}; leave out what is empty"
        )
    try:
        return flatten(ImageOps.exif_transpose(image))
    except Exception as error:
        raise BadInput(
            f"the image of mode {image.mode} cannot be read: {error}; convert it first: image.convert('RGB')"
        ) from error


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return np.take(SIXTEEN_TO_EIGHT, values.astype(np.uint16, copy=False))
    if values.dtype.kind not in "iuf":
        raise BadInput(
            f"expected an array of numbers, got dtype {values.dtype}; convert it first: array.astype('uint8')"
        )
    highest = 1 if values.dtype.kind == "f" else 255
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= highest):  # also where a value is NaN
        raise BadInput(
            f"expected values from 0 to {highest} in an array of {values.dtype}, got {low} to {high}"
            "; scale them, for example (array / array.max()).astype('float32')"
        )
    if highest == 255:
        return values.astype(np.uint8)
    return np.rint(values.astype(np.float32) * 255).astype(np.uint8)


def _on_white(rgba: NDArray[np.uint8]) -> Pixels:
    return flatten(Image.fromarray(np.ascontiguousarray(rgba)))
