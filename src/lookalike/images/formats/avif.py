"""AVIF: pictures coded by AV1, in an ISO media file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from lookalike.images.headers import bmff
from lookalike.images.headers.av1 import sequence_size
from lookalike.images.headers.base import Header
from lookalike.images.picture_format import PictureFormat
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_USUAL_QUALITY = 80
_MOST_ITEMS, _MOST_EXTENTS = 4_096, 64
_LONGEST_LEAD = 4_096  # bytes of a coded picture in which its sequence header must come


def _read_header(data: bytes) -> Header:
    """Find the largest size that any box or any coded picture claims, for they need not agree.

    libavif scales a coded picture to the size in the boxes, after it has decoded it in full.

    Raises:
        ImageRefused: as for other ISO media files; `damaged` when no coded picture is found.
    """
    header = bmff.read_header(data)
    if not (header.width and header.height):
        return header
    sizes = [size for lead in islice(_leads(data), _MOST_ITEMS) if (size := sequence_size(lead)) is not None]
    if not sizes:
        raise refusal(RefusalCode.DAMAGED, "the AVIF holds no coded picture")
    return replace(
        header,
        width=max(header.width, *(width for width, _ in sizes)),
        height=max(header.height, *(height for _, height in sizes)),
    )


def _leads(data: bytes) -> Iterator[bytes]:
    """The first bytes of every item, and of the first sample of every track."""
    boxes = list(bmff.boxes(data))
    inner = next((body for name, body, _ in boxes if name == b"idat"), 0)
    for name, body, end in boxes:
        if name == b"iloc":
            yield from _item_leads(data, data[body:end], inner=inner)
        elif name in (b"stco", b"co64"):
            at = int.from_bytes(data[body + 8 : body + (12 if name == b"stco" else 16)], "big")
            yield data[at : at + _LONGEST_LEAD]


def _item_leads(data: bytes, table: bytes, *, inner: int) -> Iterator[bytes]:
    """The items of the location table (ISO/IEC 14496-12, 8.11.3)."""
    reader = _Numbers(table)
    version = reader.take(4) >> 24
    widths = reader.take(2)
    offset_bytes, length_bytes, base_bytes = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    index_bytes = widths & 15 if version in (1, 2) else 0
    id_bytes = 4 if version == 2 else 2
    for _ in range(reader.take(id_bytes)):
        if reader.exhausted:
            return
        reader.take(id_bytes)
        method = reader.take(2) & 15 if version in (1, 2) else 0
        reader.take(2)
        base = reader.take(base_bytes) + (inner if method == 1 else 0)
        lead = b""
        extents = reader.take(2)
        if extents > _MOST_EXTENTS:
            raise refusal(RefusalCode.TOO_COSTLY, f"an AVIF picture in {extents} pieces, more than {_MOST_EXTENTS}")
        for _extent in range(extents):
            reader.take(index_bytes)
            at = base + reader.take(offset_bytes)
            length = reader.take(length_bytes) or len(data)
            lead += data[at : at + min(length, _LONGEST_LEAD - len(lead))]
        yield lead


class _Numbers:
    """Reads numbers of some bytes; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def exhausted(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> int:
        self._at += count
        return int.from_bytes(self._data[self._at - count : self._at], "big")


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile(io.BytesIO(data))


FORMAT = PictureFormat(
    name="avif",
    title="AVIF",
    media_type="image/avif",
    extensions=("avif",),
    recognise=lambda data: bool(bmff.brands(data) & bmff.AVIF_BRANDS),
    read_header=_read_header,
    open=_open,
    told_by_decoder=True,  # Pillow reports the turn that the container asks for as EXIF, and does not apply it
    bits=bmff.bits,
    quality=lambda data, image: _USUAL_QUALITY,
    behind=bmff.further_boxes,
)
