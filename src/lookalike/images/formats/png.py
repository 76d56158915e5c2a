"""PNG (W3C PNG, third edition): its header, and the few chunks that a picture needs."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat, rest_of
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_SIGNATURE_BYTES = 8
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_OF_THE_WHOLE = frozenset({b"acTL", b"fcTL", b"fdAT", b"iCCP"})  # further frames and the colour profile
_TEXTS = frozenset({b"tEXt", b"iTXt"})
_LONGEST_EXIF, _LONGEST_TEXT = 65_536, 262_144
# What Pillow keeps of a pixel: a byte of grey or of a palette, two of deep grey, four of anything else.
_ONE_BYTE_TYPES = frozenset({0, 3})


class _Chunk(NamedTuple):
    name: bytes
    start: int
    body: int
    end: int


def _read_header(data: bytes) -> Header:
    """Read the header, see that every chunk is there, and look for EXIF.

    Raises:
        ImageRefused: `truncated`, or `damaged` without a header.
    """
    if len(data) < 33:
        raise cut_short("the PNG header")
    if data[12:16] != b"IHDR":
        raise refusal(RefusalCode.DAMAGED, "the PNG does not begin with its header")
    exif, texts = None, dict[bytes, bytes]()
    for chunk in _chunks(data):
        if chunk.name == b"eXIf" and chunk.end - chunk.body <= _LONGEST_EXIF:
            exif = data[chunk.body : chunk.end - 4]
        elif chunk.name in _TEXTS:
            name, _, text = data[chunk.body : min(chunk.end - 4, chunk.body + _LONGEST_TEXT)].partition(b"\0")
            texts.setdefault(name.lower(), text)
    kept_bytes = _kept_bytes(bits=data[24], colour_type=data[25])
    return Header(
        width=int.from_bytes(data[16:20], "big"),
        height=int.from_bytes(data[20:24], "big"),
        pixel_bytes=kept_bytes,
        kept_bytes=kept_bytes,
        fixed_bytes=len(data),  # the copy of its essentials
        exif=exif,
        xmp=texts.get(b"xml:com.adobe.xmp"),
        written_at=texts.get(b"creation time", b"").strip(b"\0").decode("latin-1"),
    )


def _essentials(data: bytes, *, also: frozenset[bytes] = frozenset()) -> bytes:
    """Copy only the chunks that the first picture needs, after checking their sums.

    What stays behind can only do harm: compressed text that grows, damaged dates and profiles, further frames.

    Args:
        data: the whole file.
        also: names of further chunks to be copied.
    Raises:
        ImageRefused: `damaged` when a checksum differs, `truncated` when the file ends early.
    """
    kept = [data[:_SIGNATURE_BYTES]]
    for name, start, body, end in _chunks(data):
        if name not in _NEEDED and name not in also:
            continue
        if zlib.crc32(data[body - 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise refusal(
                RefusalCode.DAMAGED,
                f"the PNG chunk {name.decode('ascii')} does not have the checksum that it announces",
            )
        kept.append(data[start:end])
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Every chunk to the end of the picture; what lies behind it is not looked at."""
    at = _SIGNATURE_BYTES
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        name = data[at + 4 : at + 8]
        yield _Chunk(name, at, at + 8, end)
        if name == b"IEND":
            return
        at = end
    raise cut_short("a PNG chunk")


def _kept_bytes(*, bits: int, colour_type: int) -> int:
    if colour_type not in _ONE_BYTE_TYPES:
        return 4
    return 2 if colour_type == 0 and bits == 16 else 1


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.PngImagePlugin import PngImageFile

    return PngImageFile(io.BytesIO(_essentials(data, also=_OF_THE_WHOLE if whole else frozenset())))


def _end(data: bytes) -> int:
    at = _SIGNATURE_BYTES
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IEND":
            return end
        at = end
    return len(data)


FORMAT = PictureFormat(
    name="png",
    title="PNG",
    media_type="image/png",
    extensions=("png", "apng"),
    recognise=lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
    read_header=_read_header,
    open=_open,
    bits=lambda data, image: max(8, data[24]),
    behind=lambda data: rest_of(data, end=_end(data)),
)
