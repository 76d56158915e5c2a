"""Plain: a picture format of eleven bytes, and then RGB."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat, rest_of

if TYPE_CHECKING:
    from PIL import Image

_HEADER = struct.Struct("<7sHH")


def _read_header(data: bytes) -> Header:
    _, width, height = _HEADER.unpack_from(data)
    if len(data) < _end(data):
        raise cut_short("the pixels")
    return Header(width=width, height=height, pixel_bytes=3, kept_bytes=3)


def _end(data: bytes) -> int:
    _, width, height = _HEADER.unpack_from(data)
    return _HEADER.size + 3 * width * height


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL import Image

    return Image.frombytes("RGB", (header.width, header.height), data[_HEADER.size : _end(data)])


FORMAT = PictureFormat(
    name="plain",
    title="Plain",
    media_type="image/x-plain",
    extensions=("plain", "pln"),
    recognise=lambda data: data.startswith(b"PLAIN1\n"),
    read_header=_read_header,
    open=_open,
    browsers_read=False,
    behind=lambda data: rest_of(data, end=_end(data)),
)
