"""BMP: a bitmap of Windows or OS/2."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat, rest_of
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_HEADER_BYTES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_UNCOMPRESSED, _BITFIELDS, _RLE8, _RLE4 = 0, 3, 1, 2
_PALETTE_BITS = 8
_DEPTHS = frozenset({1, 4, 8, 16, 24, 32})


def _read_header(data: bytes) -> Header:
    """Read the size, and see that the pixels of an uncompressed bitmap are all there.

    Raises:
        ImageRefused: `truncated`, or `unsupported_format` for another depth or compression.
    """
    header_bytes = int.from_bytes(data[14:18], "little")
    if len(data) < 14 + header_bytes:
        raise cut_short("the bitmap's header")
    old = header_bytes == 12
    width, height = _sizes(data, old=old)
    bits = int.from_bytes(data[24:26] if old else data[28:30], "little")
    compression = 0 if header_bytes < 40 else int.from_bytes(data[30:34], "little")
    if bits not in _DEPTHS or compression not in (_UNCOMPRESSED, _BITFIELDS, _RLE8, _RLE4):
        had = f"{bits} bits, compression {compression}"
        raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"expected a bitmap of 1 to 32 bits, plain or RLE, got {had}")
    needed = int.from_bytes(data[10:14], "little") + (width * bits + 31) // 32 * 4 * height
    if compression in (_UNCOMPRESSED, _BITFIELDS) and len(data) < needed:
        raise refusal(
            RefusalCode.TRUNCATED, f"a bitmap of {width} x {height} pixels takes {needed} bytes, got {len(data)}"
        )
    kept_bytes = 1 if bits <= _PALETTE_BITS else 4
    run_lengths = compression in (_RLE8, _RLE4)  # resolved into a row of bytes before they become the picture
    return Header(width=width, height=height, pixel_bytes=kept_bytes + 2 * run_lengths, kept_bytes=kept_bytes)


def _sizes(data: bytes, *, old: bool) -> tuple[int, int]:
    if old:
        return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    height = int.from_bytes(data[22:26], "little", signed=True)  # negative: stored from the top
    return int.from_bytes(data[18:22], "little"), abs(height)


def _recognise(data: bytes) -> bool:
    return data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _HEADER_BYTES


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile(io.BytesIO(data))


FORMAT = PictureFormat(
    name="bmp",
    title="BMP",
    media_type="image/bmp",
    extensions=("bmp", "dib"),
    recognise=_recognise,
    read_header=_read_header,
    open=_open,
    behind=lambda data: rest_of(data, end=int.from_bytes(data[2:6], "little") or len(data)),
)
