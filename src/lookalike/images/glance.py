"""What can be said of a picture without decoding a pixel of it."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.core.errors import ImageRefused
from lookalike.images.cost import check_cost, plan_decoding
from lookalike.images.facts import picture_facts
from lookalike.images.guard import Inspected, inspect
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.orientation import upright_size


class Glance(NamedTuple):
    """What a picture's header says.

    Attributes:
        width: in pixels, upright where the EXIF block can be found without a decoder.
        height: likewise.
        format: the name of one of `picture_formats()`, such as `jpeg`.
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
    return _tell(inspect(data, limits=limits), size_bytes=len(data), min_side=min_side, limits=limits)


def glance_early(
    beginning: bytes, *, size_bytes: int, min_side: int | None = 224, limits: ImageLimits = DEFAULT_LIMITS
) -> Glance | None:
    """As `glance`, of the beginning of a file alone.

    Args:
        beginning: of the file.
        size_bytes: of the whole file.
        min_side: as it would be decoded.
        limits: what a picture may cost.
    Returns:
        what `glance` says of the whole file; None where that may depend on the rest, and where it may refuse.
    """
    try:
        inspected = inspect(beginning, limits=limits, size_bytes=size_bytes)
        if len(beginning) < size_bytes and not inspected.format.is_told_early(inspected.header):
            return None
        return _tell(inspected, size_bytes=size_bytes, min_side=min_side, limits=limits)
    except ImageRefused:
        return None


def _tell(inspected: Inspected, *, size_bytes: int, min_side: int | None, limits: ImageLimits) -> Glance:
    image_format, header = inspected
    check_cost(plan_decoding(inspected, min_side=min_side).cost_bytes, size_bytes=size_bytes, limits=limits)
    facts = picture_facts(header)
    width, height = upright_size(header.width, header.height, orientation=facts.orientation)
    return Glance(width, height, image_format.name, facts.taken_at, facts.camera)
