"""What lies behind the picture in its file: the film of a motion photo, a second picture, an archive."""

from __future__ import annotations

import re
from collections.abc import Callable

from lookalike.images.sniff import ImageFormat

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_PADDING = b"\x00\r\n \xff"
_PICTURE_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"free", b"skip", b"moov", b"wide"})


def behind_picture(data: bytes, image_format: ImageFormat) -> bytes:
    """The bytes behind a picture's end; empty where there is nothing but padding, or the format has no end (TIFF)."""
    if image_format in (ImageFormat.AVIF, ImageFormat.HEIC):
        return _further_boxes(data)
    find: Callable[[bytes], int] | None = {
        ImageFormat.JPEG: _end_of_jpeg,
        ImageFormat.PNG: _end_of_png,
        ImageFormat.GIF: _end_of_gif,
        ImageFormat.WEBP: _end_of_webp,
        ImageFormat.BMP: _end_of_bmp,
    }.get(image_format)
    rest = data[find(data) :] if find is not None else b""
    return rest if rest.strip(_PADDING) else b""


def _end_of_jpeg(data: bytes) -> int:
    """Behind the first end-of-image marker that stands neither in a segment (a thumbnail) nor in coded data."""
    at = 2
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            return len(data)
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END_OF_IMAGE:
            return at
        if marker != 0x01:
            at += int.from_bytes(data[at : at + 2], "big")


def _end_of_png(data: bytes) -> int:
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IEND":
            return end
        at = end
    return len(data)


def _end_of_webp(data: bytes) -> int:
    return 8 + (int.from_bytes(data[4:8], "little") + 1) // 2 * 2


def _end_of_bmp(data: bytes) -> int:
    return int.from_bytes(data[2:6], "little") or len(data)


def _end_of_gif(data: bytes) -> int:
    def table(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    at = 13 + table(data[10])
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            return at + 1
        if kind == 0x2C and at + 9 < len(data):
            at += 11 + table(data[at + 9])
        elif kind == 0x21:
            at += 2
        else:
            return at
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return len(data)


def _further_boxes(data: bytes) -> bytes:
    """The boxes of an ISO file besides those that a picture needs (ISO/IEC 14496-12, 4.2)."""
    at, further = 0, []
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        end = at + length if length >= 8 else len(data)
        if data[at + 4 : at + 8] not in _PICTURE_BOXES:
            further.append(data[at:end])
        at = end
    return b"".join(further)
