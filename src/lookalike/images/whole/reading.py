"""Every frame and page of a picture, with every bit that it has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from lookalike.images.decode import inspect_for_decoding
from lookalike.images.edge import refusals
from lookalike.images.exif import read_exif
from lookalike.images.guard import Inspected
from lookalike.images.limits import ImageLimits
from lookalike.images.orientation import turn_upright, upright
from lookalike.images.pillow import container_orientation, open_image
from lookalike.images.refusals import RefusalCode, refusal

MOST_PIXELS = 1_500_000_000
"""Of all frames together; a picture with more is not proved to be the same as another."""

_NATIVE = "L" if sys.byteorder == "little" else "B"
_SWAPPED = {"B": "L", "L": "B"}
_RAW = frozenset({"CMYK", "LAB", "I", "F"})


class Frame(NamedTuple):
    """A frame or page, upright.

    Attributes:
        mode: what the channels are: `RGB`, `RGBA`, `CMYK`, `LAB`, with the bits behind it where they are not 8.
        values: shape (H, W) or (H, W, C), any dtype.
        image: the frame as 8 bits in RGB, RGBA or CMYK, upright, for the eye.
        duration_ms: how long it is shown; 0 for pages.
    """

    mode: str
    values: NDArray[np.generic]
    image: Image.Image
    duration_ms: int


class Opened(NamedTuple):
    """A picture that is open.

    Attributes:
        inspected: its format and header.
        image: Pillow's.
        bits: of each channel.
        orientation: 1 to 8, that the pixels still need.
    """

    inspected: Inspected
    image: Image.Image
    bits: int
    orientation: int


def open_whole(data: bytes, *, limits: ImageLimits) -> Opened:
    """Open a picture with all of its frames, after the same checks as for decoding one.

    Raises:
        ImageRefused: the only error.
    """
    inspected = inspect_for_decoding(data, limits=limits)
    with refusals(inspected.format.name):
        image = open_image(data, inspected, limits=limits, whole=True)
        if inspected.format.told_by_decoder:
            orientation = container_orientation(image, inspected.format)
        else:
            orientation = read_exif(inspected.header.exif).orientation
        if getattr(image, "n_frames", 1) * image.width * image.height > MOST_PIXELS:
            raise refusal(
                RefusalCode.TOO_COSTLY, f"expected at most {MOST_PIXELS} pixels in all frames together, got more"
            )
        return Opened(inspected, image, inspected.format.bits(data, image), orientation)


def frames(data: bytes, picture: Opened, *, limits: ImageLimits) -> Iterator[Frame]:
    """Every frame, one at a time; what stands on a frame that is given is no longer there with the next.

    Raises:
        ImageRefused: the only error; where bits would be lost, `unsupported_format`.
    """
    fine = _with_low_bytes(data, picture, limits=limits)
    with refusals(picture.inspected.format.name):
        for n, image in enumerate(ImageSequence.Iterator(picture.image)):
            image.load()
            duration_ms = round(float(image.info.get("duration") or 0))
            mode, values = _values(image)
            if picture.bits > 8 and values.dtype == np.uint8:
                values = values.astype(np.uint16) << 8
                if fine is None:
                    raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"its {picture.bits} bits are not read in full")
                fine.seek(n)
                values |= np.asarray(fine).astype(np.uint16)
                mode += str(picture.bits)
            seen = _for_the_eye(image)
            turned = Image.fromarray(upright(np.asarray(seen), orientation=picture.orientation), seen.mode)
            yield Frame(mode, turn_upright(values, orientation=picture.orientation), turned, duration_ms)


def _values(image: Image.Image) -> tuple[str, NDArray[np.generic]]:
    """The channels in one of few forms, so that palettes, grey and RGB can be the same picture."""
    if image.mode.startswith("I;16"):
        return "L16", np.asarray(image).astype(np.uint16)
    if image.mode in _RAW:
        return image.mode, np.asarray(image)
    seen = _for_the_eye(image)
    return seen.mode, np.asarray(seen)


def _for_the_eye(image: Image.Image) -> Image.Image:
    """RGB, RGBA where something is transparent, or CMYK."""
    if image.mode == "CMYK":
        return image
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return rgba if rgba.getchannel("A").getextrema() != (255, 255) else rgba.convert("RGB")
    if image.mode in ("RGB", "L", "1", "P", "YCbCr"):
        return image.convert("RGB")
    from lookalike.images.flatten import flatten

    return Image.fromarray(flatten(image))


def _with_low_bytes(data: bytes, picture: Opened, *, limits: ImageLimits) -> Image.Image | None:
    """The same picture, opened so that the lower of each channel's two bytes comes out; None where there is no way.

    Pillow reads the higher byte of 16 bits in colour; told that the bytes are the other way round, the lower.
    """
    if picture.bits != 16 or picture.image.mode not in ("RGB", "RGBA") or getattr(picture.image, "n_frames", 1) > 1:
        return None
    image = open_image(data, picture.inspected, limits=limits, whole=True)
    tiles = []
    for tile in getattr(image, "tile", ()):
        told = [tile.args] if isinstance(tile.args, str) else list(tile.args)
        name, _, order = str(told[0]).partition(";16")
        order = _NATIVE if order == "N" else order
        if order not in _SWAPPED:
            return None
        told[0] = f"{name};16{_SWAPPED[order]}"
        tiles.append(tile._replace(args=told[0] if isinstance(tile.args, str) else tuple(told)))
    vars(image)["tile"] = tiles
    return image
