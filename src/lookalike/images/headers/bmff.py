"""What AVIF and HEIC have in common: the boxes of ISO/IEC 14496-12 and 23008-12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PADDING
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""A file that bears one of these is an AVIF, whatever other brands it bears."""

# Planes of the codec with up to 16 bits a sample, RGBA, the copy for Python, the image; of these the image is kept.
_PIXEL_BYTES, _KEPT_BYTES = 16, 4
_PLAIN_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco"})
_META = b"meta"  # a container with four bytes of version and flags before its boxes
_MUST_BE_WHOLE = frozenset({b"ftyp", b"mdat", b"moov", _META})
_PICTURE_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"free", b"skip", b"moov", b"wide"})
_DEEPEST = 8
_MOST_BOXES = 20_000


def brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file; none for anything else."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def read_header(data: bytes) -> Header:
    """Find the largest size that any picture or track of the file claims.

    Raises:
        ImageRefused: `truncated` when a box reaches beyond the end, `damaged` when no size is found,
            `too_costly` for absurdly many boxes.
    """
    sizes: list[tuple[int, int]] = []
    for name, body, end in boxes(data):
        if name == b"ispe" and end - body >= 12:
            sizes.append(_pair(data, body + 4))
        elif name == b"tkhd" and end - body >= 8:
            across, down = _pair(data, end - 8)
            sizes.append((across >> 16, down >> 16))
    if not sizes:
        raise refusal(RefusalCode.DAMAGED, "no box of the file tells the size of a picture")
    return Header(
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        pixel_bytes=_PIXEL_BYTES,
        kept_bytes=_KEPT_BYTES,
    )


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the body of every box, parents before children.

    Raises:
        ImageRefused: as `read_header`.
    """
    for number, box in enumerate(_boxes(data, start=0, end=len(data), depth=0)):
        if number > _MOST_BOXES:
            raise refusal(RefusalCode.TOO_COSTLY, f"expected at most {_MOST_BOXES} boxes in the file, got more")
        yield box


def _pair(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")


def _boxes(data: bytes, *, start: int, end: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Every box with its body, parents before children; rubbish behind the last whole box ends the walk."""
    at = start
    while at + 8 <= end:
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        name = data[at + 4 : at + 8]
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = end - at
        if at + size > end and name in _MUST_BE_WHOLE:
            raise cut_short(f"the box {name.decode('ascii')}")
        if size < body - at or at + size > end:
            return
        yield name, body, at + size
        if depth < _DEEPEST and (name in _PLAIN_CONTAINERS or name == _META):
            yield from _boxes(data, start=body + 4 * (name == _META), end=at + size, depth=depth + 1)
        at += size


def bits(data: bytes, _image: Image.Image) -> int:
    """Of each channel, as the first box `pixi` of a file says; 8 where there is none."""
    at = data.find(b"pixi")
    return max(8, *data[at + 9 : at + 9 + data[at + 8]]) if at >= 0 and at + 9 < len(data) else 8


def further_boxes(data: bytes) -> bytes:
    """The boxes of a file besides those that a picture needs (ISO/IEC 14496-12, 4.2)."""
    at, further = 0, []
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        end = at + length if length >= 8 else len(data)
        if data[at + 4 : at + 8] not in _PICTURE_BOXES:
            further.append(data[at:end])
        at = end
    rest = b"".join(further)
    return rest if rest.strip(PADDING) else b""
