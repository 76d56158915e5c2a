"""Pictures as Python users hold them: a path, the bytes of a file, a Pillow image, an array."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.arrays import as_array, is_array_like
from lookalike.core.errors import BadInput, ImageRefused
from lookalike.core.paths import absolute
from lookalike.core.vectors import Pixels
from lookalike.images.decode import decode
from lookalike.images.files import read_file
from lookalike.images.limits import ImageLimits

if TYPE_CHECKING:
    from PIL import Image

Picture: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.generic]"
"""A path, the bytes of a file, a Pillow image, or an array of shape (H, W, 3), (H, W, 4), (H, W, 1), or (H, W) of
uint8, uint16 or bool."""


def pixels_of_picture(picture: Picture, *, min_side: int | None, limits: ImageLimits) -> Pixels:
    """Bring a picture into the one form that is embedded.

    Args:
        picture: in any of its forms.
        min_side: files may come smaller, down to this many pixels; None for every pixel.
        limits: what a file may cost.
    Returns:
        shape (H, W, 3), uint8 RGB, C-contiguous, upright.
    Raises:
        ImageRefused: when a file cannot be used; the message begins with its path.
        BadInput: when it is something else, or an array of another shape or type.
    """
    if isinstance(picture, str | os.PathLike):
        return _pixels_of_file(absolute(picture), min_side=min_side, limits=limits)
    if isinstance(picture, bytes | bytearray | memoryview):
        return decode(bytes(picture), min_side=min_side, limits=limits).pixels

    from PIL import Image

    from lookalike.images.arrays import from_array, from_pil

    if isinstance(picture, Image.Image):
        return from_pil(picture)
    if is_array_like(picture):
        return from_array(as_array(picture))
    raise BadInput(
        f"expected a picture as a path, bytes, a Pillow image or an array of pixels, got {type(picture).__name__}; "
        "convert it, for example with numpy.asarray(picture)"
    )


def _pixels_of_file(path: str, *, min_side: int | None, limits: ImageLimits) -> Pixels:
    try:
        return decode(read_file(path, limits=limits).data, min_side=min_side, limits=limits).pixels
    except ImageRefused as error:
        raise ImageRefused(f"{path}: {error}", code=error.code, values=error.values) from error


def bytes_of_picture(picture: Picture, *, limits: ImageLimits) -> bytes:
    """The bytes of a file that holds this picture: as given, or a PNG of the pixels. Raises as `pixels_of_picture`."""
    from lookalike.images.encode import png_bytes

    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    return png_bytes(pixels_of_picture(picture, min_side=None, limits=limits))
