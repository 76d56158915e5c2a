"""GIF (GIF89a)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat, rest_of
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_PIXEL_BYTES = 1  # numbers of colours
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B


def _read_header(data: bytes) -> Header:
    """Read the logical screen and the descriptor of the first frame, which may reach beyond it.

    Raises:
        ImageRefused: `truncated`, or `damaged` when no frame follows.
    """
    if len(data) < 13:
        raise cut_short("the GIF header")
    at = _first_frame(data, at=13 + _palette_bytes(data[10]))
    left, top, width, height = (int.from_bytes(data[at + i : at + i + 2], "little") for i in (1, 3, 5, 7))
    if not (width and height):
        raise refusal(
            RefusalCode.ZERO_SIZE, f"expected a first frame of at least 1 x 1 pixels in the GIF, got {width} x {height}"
        )
    return Header(
        width=max(int.from_bytes(data[6:8], "little"), left + width),
        height=max(int.from_bytes(data[8:10], "little"), top + height),
        pixel_bytes=_PIXEL_BYTES,
        kept_bytes=_PIXEL_BYTES,
    )


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _first_frame(data: bytes, *, at: int) -> int:
    """The offset of the first image descriptor, behind any extensions."""
    while at + 10 <= len(data):
        if data[at] == _IMAGE:
            return at
        if data[at] != _EXTENSION:
            raise refusal(RefusalCode.DAMAGED, "the GIF holds no frame where its first one should be")
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    raise cut_short("the GIF before its first frame")


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.GifImagePlugin import GifImageFile

    return GifImageFile(io.BytesIO(data))


def _end(data: bytes) -> int:
    at = 13 + _palette_bytes(data[10])
    while at < len(data):
        kind = data[at]
        if kind == _TRAILER:
            return at + 1
        if kind == _IMAGE and at + 9 < len(data):
            at += 11 + _palette_bytes(data[at + 9])
        elif kind == _EXTENSION:
            at += 2
        else:
            return at
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return len(data)


FORMAT = PictureFormat(
    name="gif",
    title="GIF",
    media_type="image/gif",
    extensions=("gif",),
    recognise=lambda data: data.startswith((b"GIF87a", b"GIF89a")),
    read_header=_read_header,
    open=_open,
    behind=lambda data: rest_of(data, end=_end(data)),
)
