"""Bytes become a picture: guarded by its header, scaled while it is decoded, turned upright."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lookalike.core.vectors import Pixels
from lookalike.images.cost import check_cost, plan_decoding
from lookalike.images.exif import ExifFacts
from lookalike.images.facts import picture_facts
from lookalike.images.guard import Inspected, inspect
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.orientation import upright, upright_size
from lookalike.images.picture_format import PictureFormat, ScaledDecoder

if TYPE_CHECKING:
    from PIL import Image

_one_large_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """A decoded picture.

    Attributes:
        pixels: shape (H, W, 3), uint8 RGB, C-contiguous, upright; smaller than the original where allowed.
        width: of the original in pixels, upright.
        height: likewise.
        format: the name of one of `picture_formats()`, such as `jpeg`.
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


class Decode(Protocol):
    """What decodes as `decode` does, here or in a process of its own (`lookalike.images.apart`)."""

    def __call__(
        self, data: bytes, *, min_side: int | None = 224, limits: ImageLimits = DEFAULT_LIMITS
    ) -> DecodedImage:
        """See `decode`."""
        ...


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
    plan = plan_decoding(inspected, min_side=min_side)
    check_cost(plan.cost_bytes, size_bytes=len(data), limits=limits)
    with _room_for(plan.cost_bytes, limits=limits):
        if (decoder := inspected.format.decode_scaled) is not None:
            return _decode_scaled(data, inspected, decoder, scale=plan.scale)
        return _decode_by_pillow(data, inspected, min_side=min_side, limits=limits)


def inspect_for_decoding(data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS) -> Inspected:
    """Check that a picture may be decoded at its full size, without decoding it.

    Raises:
        ImageRefused: the only error.
    """
    inspected = inspect(data, limits=limits)
    check_cost(plan_decoding(inspected, min_side=None).cost_bytes, size_bytes=len(data), limits=limits)
    return inspected


@contextmanager
def _room_for(cost_bytes: int, *, limits: ImageLimits) -> Iterator[None]:
    if cost_bytes <= limits.free_decode_bytes:
        yield
        return
    with _one_large_at_a_time:
        yield


def _decode_scaled(data: bytes, inspected: Inspected, decoder: ScaledDecoder, *, scale: int) -> DecodedImage:
    header = inspected.header
    decoded = decoder(data, header=header, scale=scale)
    size, facts = (header.width, header.height), picture_facts(header)
    return replace(
        _assemble(decoded.pixels, inspected.format, size=size, facts=facts), lacks_its_end=decoded.lacks_its_end
    )


def _decode_by_pillow(data: bytes, inspected: Inspected, *, min_side: int | None, limits: ImageLimits) -> DecodedImage:
    from lookalike.images.pillow import decode_opened, open_image  # a JPEG does without

    image = open_image(data, inspected, limits=limits)
    size = image.size
    facts = _facts(image, inspected)
    pixels = decode_opened(image, format_name=inspected.format.name, min_side=min_side)
    return _assemble(pixels, inspected.format, size=size, facts=facts)


def _facts(image: Image.Image, inspected: Inspected) -> ExifFacts:
    if not inspected.format.told_by_decoder:
        return picture_facts(inspected.header)
    from lookalike.images.pillow import container_orientation

    exif, xmp = (note if isinstance(note := image.info.get(name), bytes) else None for name in ("exif", "xmp"))
    orientation = container_orientation(image, inspected.format)
    return picture_facts(replace(inspected.header, exif=exif, xmp=xmp))._replace(orientation=orientation)


def _assemble(pixels: Pixels, image_format: PictureFormat, *, size: tuple[int, int], facts: ExifFacts) -> DecodedImage:
    width, height = upright_size(*size, orientation=facts.orientation)
    return DecodedImage(
        pixels=upright(pixels, orientation=facts.orientation),
        width=width,
        height=height,
        format=image_format.name,
        taken_at=facts.taken_at,
        camera=facts.camera,
    )
