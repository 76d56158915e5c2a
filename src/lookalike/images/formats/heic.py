"""HEIC: pictures coded by HEVC, in an ISO media file (ISO/IEC 23008-12). Its decoder is an extra."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lookalike.images.headers import bmff
from lookalike.images.headers.base import Header
from lookalike.images.picture_format import PictureFormat

if TYPE_CHECKING:
    from PIL import Image

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_USUAL_QUALITY = 85


def _recognise(data: bytes) -> bool:
    brands = bmff.brands(data)
    return bool(brands & _BRANDS) and not brands & bmff.AVIF_BRANDS


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from pillow_heif import HeifImageFile

    image: Image.Image = HeifImageFile(io.BytesIO(data))
    return image


FORMAT = PictureFormat(
    name="heic",
    title="HEIC",
    media_type="image/heic",
    extensions=("heic", "heif", "hif"),
    recognise=_recognise,
    read_header=bmff.read_header,
    open=_open,
    library="pillow-heif",
    extra="heic",
    browsers_read=False,
    told_by_decoder=True,
    comes_upright=True,
    bits=bmff.bits,
    quality=lambda data, image: _USUAL_QUALITY,
    behind=bmff.further_boxes,
)
