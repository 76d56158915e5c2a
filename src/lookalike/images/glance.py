"""What can be said of a picture without decoding a pixel of it."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.images.cost import check_cost, planned
from lookalike.images.facts import picture_facts
from lookalike.images.guard import inspect
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.orientation import upright_size


class Glance(NamedTuple):
    """What a picture's header says.

    Attributes:
        width: in pixels, upright where the EXIF block can be found without a decoder.
        height: likewise.
        format: `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `avif` or `heic`.
        taken_at: `YYYY-MM-DDTHH:MM:SS` in the camera's own time, or None.
        camera: maker and model, or None.
    """

    width: int
    height: int
    format: str
    taken_at: str | None
    camera: str | None


def glance(data: bytes, *, min_side: int | None = 224, limits: ImageLimits = DEFAULT_LIMITS) -> Glance:
    """Check all that `decode` checks before it decodes, with the same refusals. The pixels may still be broken.

    Args:
        data: the whole file.
        min_side: as it would be decoded.
        limits: what a picture may cost.
    Raises:
        ImageRefused: the only error, whatever the bytes are.
    """
    image_format, header = inspected = inspect(data, limits=limits)
    check_cost(planned(inspected, min_side=min_side).cost_bytes, size_bytes=len(data), limits=limits)
    facts = picture_facts(header)
    width, height = upright_size(header.width, header.height, orientation=facts.orientation)
    return Glance(width, height, image_format.value, facts.taken_at, facts.camera)
