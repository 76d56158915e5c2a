"""WebP (RFC 9649)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat, rest_of
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

# libwebp's animation decoder, which Pillow uses for every WebP, keeps two canvases of four bytes a pixel, and a
# third for lossless data; one copy goes to Python and one becomes the image, which is kept.
_PIXEL_BYTES, _KEPT_BYTES = 18, 4
_PICTURES = (b"VP8 ", b"VP8L")
_ANIMATION_HEADER_BYTES = 16
_USUAL_QUALITY = 78


def _read_header(data: bytes) -> Header:
    """Read the canvas, and the sizes that the frames claim for themselves.

    Raises:
        ImageRefused: `truncated` when the file is shorter than it says, `damaged` without a picture.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise cut_short("the WebP")
    sizes: list[tuple[int, int]] = []
    exif: bytes | None = None
    xmp: bytes | None = None
    for name, body, after in _chunks(data, start=12, end=end):
        if name == b"EXIF":
            exif = data[body:after]
        elif name == b"XMP ":
            xmp = data[body:after]
        elif name == b"ANMF":
            sizes.append(_canvas(data, body + 6))
            sizes += _inner_sizes(data, body + _ANIMATION_HEADER_BYTES, after)
        elif name == b"VP8X":
            sizes.append(_canvas(data, body + 4))
        else:
            sizes += _picture_size(name, data[body : body + 10])
    if not sizes:
        raise refusal(RefusalCode.DAMAGED, "the WebP holds no picture")
    return Header(
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        pixel_bytes=_PIXEL_BYTES,
        kept_bytes=_KEPT_BYTES,
        exif=exif,
        xmp=xmp,
    )


def _chunks(data: bytes, *, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    at = start
    while at + 8 <= end:
        after = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], at + 8, min(after, end)
        at = after + (after & 1)


def _inner_sizes(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    inner = _chunks(data, start=start, end=end)
    return [size for name, body, _ in inner for size in _picture_size(name, data[body : body + 10])]


def _canvas(data: bytes, at: int) -> tuple[int, int]:
    return 1 + int.from_bytes(data[at : at + 3], "little"), 1 + int.from_bytes(data[at + 3 : at + 6], "little")


def _picture_size(name: bytes, body: bytes) -> list[tuple[int, int]]:
    """The size that a coded picture claims; none for other chunks."""
    if name not in _PICTURES or len(body) < 10:
        return []
    if name == b"VP8 ":
        return [(int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF)]
    bits = int.from_bytes(body[1:5], "little")
    return [((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)]


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.WebPImagePlugin import WebPImageFile

    return WebPImageFile(io.BytesIO(data))


FORMAT = PictureFormat(
    name="webp",
    title="WebP",
    media_type="image/webp",
    extensions=("webp",),
    recognise=lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
    read_header=_read_header,
    open=_open,
    quality=lambda data, image: None if b"VP8L" in data[:64] else _USUAL_QUALITY,
    behind=lambda data: rest_of(data, end=8 + (int.from_bytes(data[4:8], "little") + 1) // 2 * 2),
)
