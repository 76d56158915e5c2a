"""TIFF (TIFF 6.0): its first directory is checked before a decoder believes it."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.picture_format import PictureFormat
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ORIENTATION = 256, 257, 258, 277, 274
_TILE_WIDTH, _TILE_HEIGHT, _ROWS_PER_STRIP = 322, 323, 278
_XMP, _IPTC = 700, 33_723
_PHOTOMETRIC, _YCBCR = 262, 6
_COMPRESSION, _UNCOMPRESSED = 259, frozenset({0, 1})  # 0: the tag is missing
_GREY_BITS, _DEEP_GREY_BITS = 8, 16
_UNIT_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_NUMBERS = 1_000_000  # of one tag: decoders turn each into a Python object
_MOST_SAMPLES, _MOST_BITS = 6, 64


class _Tag(NamedTuple):
    position: int
    kind: int
    length: int
    field: bytes


def _read_header(data: bytes) -> Header:
    """Read the first directory (section 2).

    Raises:
        ImageRefused: `truncated` when the directory or what it points to lies beyond the end, `damaged`
            without a size, `too_costly` when its tables are absurdly long.
    """
    tags = _first_directory(data)
    _check_tables(tags, data)
    width, height = _number(tags.get(_WIDTH), data), _number(tags.get(_HEIGHT), data)
    tile_width, tile_height = _number(tags.get(_TILE_WIDTH), data), _number(tags.get(_TILE_HEIGHT), data)
    bits = _pixel_bits(tags, data)
    kept_bytes = 1 if bits <= _GREY_BITS else 2 if bits <= _DEEP_GREY_BITS and _samples(tags, data) == 1 else 4
    rows = min(_number(tags.get(_ROWS_PER_STRIP), data) or height, height)
    unpacked_pixels = max(width * rows, tile_width * tile_height)
    return Header(
        width=width,
        height=height,
        pixel_bytes=kept_bytes,
        kept_bytes=kept_bytes,
        fixed_bytes=round(unpacked_pixels * _unpacked_bytes(tags, data)) + 2 * len(data) * (_ORIENTATION in tags),
        exif=data,
        xmp=_content(tags.get(_XMP), data),
        iptc=_content(tags.get(_IPTC), data),
    )


def _drop_orientation(data: bytes) -> bytes:
    """The same file with its orientation set to 1, so that no decoder turns what we shall turn."""
    tag = _first_directory(data).get(_ORIENTATION)
    if tag is None:
        return data
    return b"".join((data[: tag.position + 8], struct.pack(f"{_order(data)}HH", 1, 0), data[tag.position + 12 :]))


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"II") else ">"


def _first_directory(data: bytes) -> dict[int, _Tag]:
    order = _order(data)
    if len(data) < 10:
        raise cut_short("the TIFF header")
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    if at + 2 > len(data):
        raise cut_short("the TIFF: its directory lies beyond the end")
    (count,) = struct.unpack_from(f"{order}H", data, at)
    if at + 2 + 12 * count + 4 > len(data):
        raise cut_short("the TIFF directory")
    tags: dict[int, _Tag] = {}
    for position in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length, field = struct.unpack_from(f"{order}HHI4s", data, position)
        tags.setdefault(tag, _Tag(position, kind, length, field))
    return tags


def _check_tables(tags: dict[int, _Tag], data: bytes) -> None:
    """See that what the tags point to lies in the file, and is no larger than the file taken together."""
    total = 0
    for number, tag in tags.items():
        unit = _UNIT_BYTES.get(tag.kind, 0)
        size = unit * tag.length
        if unit > 1 and tag.length > _MOST_NUMBERS:
            raise refusal(
                RefusalCode.TOO_COSTLY, f"TIFF tag {number} holds {tag.length} numbers, more than {_MOST_NUMBERS}"
            )
        if size > 4:
            total += size
            if struct.unpack(f"{_order(data)}I", tag.field)[0] + size > len(data):
                raise refusal(
                    RefusalCode.TRUNCATED,
                    f"expected a whole picture, but TIFF tag {number} points beyond the end of the file",
                )
    if total > len(data):
        raise refusal(
            RefusalCode.DAMAGED, f"the tags of the TIFF hold {total} bytes, more than the {len(data)} of the whole file"
        )


def _numbers(tag: _Tag | None, data: bytes) -> tuple[int, ...]:
    """The first numbers of a tag of short or long integers, at most sixteen."""
    if tag is None or tag.kind not in (3, 4) or not tag.length:
        return ()
    letter, unit = ("H", 2) if tag.kind == 3 else ("I", 4)
    count = min(tag.length, 16)
    order = _order(data)
    if tag.length * unit <= 4:
        return struct.unpack_from(f"{order}{count}{letter}", tag.field)
    (at,) = struct.unpack(f"{order}I", tag.field)
    return struct.unpack_from(f"{order}{count}{letter}", data, at)


def _content(tag: _Tag | None, data: bytes) -> bytes | None:
    """The bytes that a tag points to."""
    if tag is None or (size := _UNIT_BYTES.get(tag.kind, 0) * tag.length) <= 4:
        return None
    (at,) = struct.unpack(f"{_order(data)}I", tag.field)
    return data[at : at + size]


def _number(tag: _Tag | None, data: bytes) -> int:
    return next(iter(_numbers(tag, data)), 0)


def _samples(tags: dict[int, _Tag], data: bytes) -> int:
    return _number(tags.get(_SAMPLES), data) or 1


def _unpacked_bytes(tags: dict[int, _Tag], data: bytes) -> float:
    """What a decoder takes for each pixel of the strip or tile that it unpacks; some colour spaces become RGBA."""
    if _number(tags.get(_COMPRESSION), data) in _UNCOMPRESSED and not tags.keys() & {_TILE_WIDTH, _TILE_HEIGHT}:
        return 0
    return max(_pixel_bits(tags, data) / 8, 4 if _number(tags.get(_PHOTOMETRIC), data) == _YCBCR else 0)


def _pixel_bits(tags: dict[int, _Tag], data: bytes) -> int:
    bits = max(_numbers(tags.get(_BITS), data), default=1)
    samples = _samples(tags, data)
    if bits > _MOST_BITS or samples > _MOST_SAMPLES:
        expected = f"at most {_MOST_SAMPLES} samples of {_MOST_BITS} bits a pixel"
        raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"expected {expected}, got a TIFF of {samples} of {bits}")
    return bits * samples


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.TiffImagePlugin import TiffImageFile

    from lookalike.images.libtiff import silence_libtiff

    silence_libtiff()
    return TiffImageFile(io.BytesIO(_drop_orientation(data)))


def _bits(data: bytes, image: Image.Image) -> int:
    return max(8, *(int(bits) for bits in np.atleast_1d(getattr(image, "tag_v2", {}).get(_BITS, 8))))


FORMAT = PictureFormat(
    name="tiff",
    title="TIFF",
    media_type="image/tiff",
    extensions=("tif", "tiff"),
    recognise=lambda data: data.startswith((b"II*\x00", b"MM\x00*")),
    read_header=_read_header,
    open=_open,
    browsers_read=False,
    needs_its_ending=True,
    frames_are_pages=True,
    bits=_bits,
)
