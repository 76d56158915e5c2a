"""Arrays from outside, whatever library made them, and what their types say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput

_GREY_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.bool_))


def is_array_like(value: object) -> bool:
    """Whether it is an array, or gives one: a torch tensor, a pandas series. A Pillow image is a picture, not this."""
    if isinstance(value, np.ndarray | np.generic):
        return True
    if isinstance(value, str | bytes | bytearray | memoryview) or is_pillow_image(value):
        return False
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def as_array(value: Any) -> NDArray[np.generic]:
    """The array that something gives, of any shape (...) and any dtype: a view where that can be.

    Raises:
        BadInput: when it gives none (a tensor on a graphics card, or one that has a gradient), or when some of its
            values are masked.
    """
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        raise BadInput(
            "expected an array without masked values, got one that has some: fill them, or leave their rows out"
        )
    try:
        return np.asarray(value)
    except Exception as error:  # other libraries refuse in ways of their own
        why = (str(error).splitlines() or ["no reason given"])[0][:200]
        raise BadInput(
            f"expected an array, but {type(value).__name__} gives none: {why}; convert it with numpy.asarray first"
        ) from error


def is_grey(array: NDArray[np.generic]) -> bool:
    """Whether two axes of its type are a grey picture, not vectors: uint8, uint16 and bool.

    Args:
        array: shape (H, W), any dtype.
    """
    return array.dtype.newbyteorder("=") in _GREY_TYPES


def is_pillow_image(value: object) -> bool:
    """Whether it is a Pillow image, told without importing Pillow."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)
