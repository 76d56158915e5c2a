"""Decoding through Pillow's readers, one named format at a time."""

from __future__ import annotations

from PIL import Image

from lookalike.core.errors import MissingExtra
from lookalike.core.vectors import Pixels
from lookalike.images.edge import refusals, silence_pillow
from lookalike.images.exif import read_exif
from lookalike.images.flatten import flatten
from lookalike.images.guard import Inspected, check_size
from lookalike.images.limits import ImageLimits
from lookalike.images.picture_format import PictureFormat
from lookalike.images.refusals import RefusalCode, refusal


def open_image(data: bytes, inspected: Inspected, *, limits: ImageLimits, whole: bool = False) -> Image.Image:
    """Open a picture without decoding it; its size is checked again, as its decoder understands it.

    The readers are called by name. `Image.open` would try others, and keeps limits of its own that are global.

    Args:
        data: the whole file.
        inspected: its format and header.
        limits: what a picture may cost.
        whole: with the further frames and the colour profile, which decoding one picture does without.
    Raises:
        ImageRefused: what the decoder does not like, sizes beyond the limits, a decoder that is an extra and missing.
    """
    silence_pillow()
    image_format, header = inspected
    with refusals(image_format.name):
        try:
            image = image_format.open(data, header=header, whole=whole)
        except ImportError as error:
            if not image_format.extra:
                raise
            missing = MissingExtra(
                image_format.library, extra=image_format.extra, purpose=f"reading {image_format.title}"
            )
            missing.__cause__ = error
            raise refusal(
                RefusalCode.NEEDS_EXTRA, str(missing), library=missing.library, extra=missing.extra
            ) from missing  # which ways in look for: what they tell shows no path
        check_size(*image.size, limits=limits)
    return image


def decode_opened(image: Image.Image, *, format_name: str, min_side: int | None) -> Pixels:
    """Decode the first frame, not yet turned upright, shrunk by a whole factor where both sides allow it.

    Returns:
        shape (H, W, 3), uint8, C-contiguous.
    Raises:
        ImageRefused: what the decoder does not like.
    """
    with refusals(format_name):
        shrink = 1 if min_side is None else max(1, min(image.size) // min_side)
        return flatten(image, shrink=shrink)


def container_orientation(image: Image.Image, image_format: PictureFormat) -> int:
    """The turn that a picture of which the decoder tells the EXIF still needs: 1 to 8."""
    if image_format.comes_upright:
        return 1
    exif = image.info.get("exif")
    return read_exif(exif if isinstance(exif, bytes) else None).orientation
