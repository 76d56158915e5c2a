"""Bytes become a picture: guarded by its header, scaled while it is decoded, turned upright."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lookalike.core.vectors import Pixels
from lookalike.images.cost import check_cost, planned
from lookalike.images.exif import ExifFacts
from lookalike.images.facts import picture_facts
from lookalike.images.guard import Inspected, inspect
from lookalike.images.jpeg import decode_jpeg
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.orientation import upright, upright_size
from lookalike.images.sniff import ImageFormat

if TYPE_CHECKING:
    from PIL import Image

_IN_CONTAINER = frozenset({ImageFormat.AVIF, ImageFormat.HEIC})
_one_large_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """A decoded picture.

    Attributes:
        pixels: shape (H, W, 3), uint8 RGB, C-contiguous, upright; smaller than the original where allowed.
        width: of the original in pixels, upright.
        height: likewise.
        format: `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `avif` or `heic`.
        taken_at: `YYYY-MM-DDTHH:MM:SS` in the camera's own time, or None.
        camera: maker and model, or None.
        lacks_its_end: whether the file was cut off right behind the picture: a JPEG without the marker that ends it.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    taken_at: str | None
    camera: str | None
    lacks_its_end: bool = False


def decode(data: bytes, *, min_side: int | None = 224, limits: ImageLimits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode a picture; the format is told by the content. Safe to call from many threads.

    Most of the time is spent without the interpreter lock. Of several threads, one at a time decodes a picture
    that takes more than `limits.free_decode_bytes`, so that large pictures do not add up.

    Args:
        data: the whole file. Bytes after the picture are ignored. Of an animation, the first frame counts.
        min_side: the picture may come smaller than it is, as long as no side falls below this many pixels (a
            side that was smaller is left as it is, and so then is the other). None: every pixel, exactly.
        limits: what a picture may cost.
    Returns:
        the picture; transparency is laid on white, 16 bits are scaled to 8.
    Raises:
        ImageRefused: the only error, whatever the bytes are.
    """
    inspected = inspect(data, limits=limits)
    plan = planned(inspected, min_side=min_side)
    check_cost(plan.cost_bytes, size_bytes=len(data), limits=limits)
    with _room_for(plan.cost_bytes, limits=limits):
        if inspected.format is ImageFormat.JPEG:
            return _decode_jpeg(data, inspected, scale=plan.scale)
        return _decode_other(data, inspected, min_side=min_side, limits=limits)


def inspect_for_decoding(data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS) -> Inspected:
    """Check that a picture may be decoded at its full size, without decoding it.

    Raises:
        ImageRefused: the only error.
    """
    inspected = inspect(data, limits=limits)
    check_cost(planned(inspected, min_side=None).cost_bytes, size_bytes=len(data), limits=limits)
    return inspected


@contextmanager
def _room_for(cost_bytes: int, *, limits: ImageLimits) -> Iterator[None]:
    if cost_bytes <= limits.free_decode_bytes:
        yield
        return
    with _one_large_at_a_time:
        yield


def _decode_jpeg(data: bytes, inspected: Inspected, *, scale: int) -> DecodedImage:
    header = inspected.header
    decoded = decode_jpeg(data, header=header, scale=scale)
    size, facts = (header.width, header.height), picture_facts(header)
    return replace(
        _assembled(decoded.pixels, inspected.format, size=size, facts=facts), lacks_its_end=decoded.lacks_its_end
    )


def _decode_other(data: bytes, inspected: Inspected, *, min_side: int | None, limits: ImageLimits) -> DecodedImage:
    from lookalike.images.pillow import decode_opened, open_image  # its many readers take long to import

    image = open_image(data, image_format=inspected.format, limits=limits)
    size = image.size
    facts = _facts(image, inspected)
    pixels = decode_opened(image, image_format=inspected.format, min_side=min_side)
    return _assembled(pixels, inspected.format, size=size, facts=facts)


def _facts(image: Image.Image, inspected: Inspected) -> ExifFacts:
    if inspected.format not in _IN_CONTAINER:
        return picture_facts(inspected.header)
    from lookalike.images.pillow import container_orientation

    exif, xmp = (note if isinstance(note := image.info.get(name), bytes) else None for name in ("exif", "xmp"))
    orientation = container_orientation(image, image_format=inspected.format)
    return picture_facts(replace(inspected.header, exif=exif, xmp=xmp))._replace(orientation=orientation)


def _assembled(pixels: Pixels, image_format: ImageFormat, *, size: tuple[int, int], facts: ExifFacts) -> DecodedImage:
    width, height = upright_size(*size, orientation=facts.orientation)
    return DecodedImage(
        pixels=upright(pixels, orientation=facts.orientation),
        width=width,
        height=height,
        format=image_format.value,
        taken_at=facts.taken_at,
        camera=facts.camera,
    )
