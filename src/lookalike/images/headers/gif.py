"""The header of a GIF (GIF89a): the logical screen, and the first frame, which may reach beyond it."""

from __future__ import annotations

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.refusals import RefusalCode, refusal

_PIXEL_BYTES = 1  # numbers of colours
_IMAGE, _EXTENSION = 0x2C, 0x21


def read_header(data: bytes) -> Header:
    """Read the logical screen and the descriptor of the first frame.

    Raises:
        ImageRefused: `truncated`, or `damaged` when no frame follows.
    """
    if len(data) < 13:
        raise cut_short("the GIF header")
    at = _first_frame(data, at=13 + _palette_bytes(data[10]))
    left, top, width, height = (int.from_bytes(data[at + i : at + i + 2], "little") for i in (1, 3, 5, 7))
    if not (width and height):
        raise refusal(RefusalCode.ZERO_SIZE, f"the first frame of the GIF is {width} x {height} pixels")
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
