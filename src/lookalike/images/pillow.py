"""Decoding everything but JPEG, through Pillow's readers, one named format at a time."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lookalike.core.errors import MissingExtra
from lookalike.core.vectors import Pixels
from lookalike.images.edge import refusals, silence_pillow
from lookalike.images.exif import read_exif
from lookalike.images.flatten import flatten
from lookalike.images.guard import check_size
from lookalike.images.headers import png, tiff
from lookalike.images.libtiff import silence_libtiff
from lookalike.images.limits import ImageLimits
from lookalike.images.refusals import RefusalCode, refusal
from lookalike.images.sniff import ImageFormat


def open_image(data: bytes, *, image_format: ImageFormat, limits: ImageLimits, whole: bool = False) -> Image.Image:
    """Open a picture without decoding it; its size is checked again, as its decoder understands it.

    The readers are called by name. `Image.open` would try others, and keeps limits of its own that are global.

    Args:
        data: the whole file.
        image_format: as its content tells.
        limits: what a picture may cost.
        whole: with the further frames and the colour profile of a PNG, which decoding one picture does without.
    Raises:
        ImageRefused: what the decoder does not like, sizes beyond the limits, a missing HEIC decoder.
    """
    silence_pillow()
    with refusals(image_format):
        image = _open_png(data, whole=whole) if image_format is ImageFormat.PNG else _OPENERS[image_format](data)
        check_size(*image.size, limits=limits)
    return image


def decode_opened(image: Image.Image, *, image_format: ImageFormat, min_side: int | None) -> Pixels:
    """Decode the first frame, not yet turned upright, shrunk by a whole factor where both sides allow it.

    Returns:
        shape (H, W, 3), uint8, C-contiguous.
    Raises:
        ImageRefused: what the decoder does not like.
    """
    with refusals(image_format):
        shrink = 1 if min_side is None else max(1, min(image.size) // min_side)
        return flatten(image, shrink=shrink)


def container_orientation(image: Image.Image, *, image_format: ImageFormat) -> int:
    """The turn that an AVIF or HEIC still needs: what its container asks for, not what its EXIF repeats.

    Pillow reports the container's turn as EXIF and does not apply it; libheif has already applied it.
    """
    if image_format is ImageFormat.HEIC:
        return 1
    exif = image.info.get("exif")
    return read_exif(exif if isinstance(exif, bytes) else None).orientation


def _open_png(data: bytes, *, whole: bool = False) -> Image.Image:
    return PngImagePlugin.PngImageFile(
        io.BytesIO(png.essentials(data, also=png.OF_THE_WHOLE if whole else frozenset()))
    )


def _open_tiff(data: bytes) -> Image.Image:
    silence_libtiff()
    return TiffImagePlugin.TiffImageFile(io.BytesIO(tiff.unturned(data)))


def _open_heic(data: bytes) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        missing = MissingExtra("pillow-heif", extra="heic", purpose="reading HEIC")
        raise refusal(RefusalCode.NEEDS_EXTRA, str(missing), library=missing.library, extra=missing.extra) from missing
    image: Image.Image = HeifImageFile(io.BytesIO(data))
    return image


_OPENERS: dict[ImageFormat, Callable[[bytes], Image.Image]] = {
    ImageFormat.JPEG: lambda data: JpegImagePlugin.JpegImageFile(io.BytesIO(data)),
    ImageFormat.PNG: _open_png,
    ImageFormat.WEBP: lambda data: WebPImagePlugin.WebPImageFile(io.BytesIO(data)),
    ImageFormat.GIF: lambda data: GifImagePlugin.GifImageFile(io.BytesIO(data)),
    ImageFormat.BMP: lambda data: BmpImagePlugin.BmpImageFile(io.BytesIO(data)),
    ImageFormat.TIFF: _open_tiff,
    ImageFormat.AVIF: lambda data: AvifImagePlugin.AvifImageFile(io.BytesIO(data)),
    ImageFormat.HEIC: _open_heic,
}
