"""What every embedder does with pictures before it computes with them: the check, and the squeezing to a square."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels


def check_pixels(image: object, *, position: int) -> Pixels:
    """Check one picture.

    Args:
        image: what came.
        position: its place in the list, for the message.
    Returns:
        shape (H, W, 3), uint8: `image` itself.
    Raises:
        BadInput: when it is not an array of shape (H, W, 3), uint8, with H, W >= 1.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        height, width, channels = image.shape
        if channels == 3 and height >= 1 and width >= 1:
            return image
    found = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise BadInput(
        f"expected picture {position} as uint8 RGB of shape (H, W, 3) with H, W >= 1, got {found}"
        "; decode it first with lookalike.images.decode"
    )


def squeeze(image: Pixels, side: int) -> Pixels:
    """What a model's graph would do first: the same triangle filter, two to three times faster in Pillow.

    Args:
        image: shape (H, W, 3), uint8.
        side: S, in pixels.
    Returns:
        shape (S, S, 3), uint8, C-contiguous; `image` itself where it is that already.
    """
    if image.shape[:2] == (side, side):
        return np.ascontiguousarray(image)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
