"""JPEG (ITU-T T.81): its markers up to the first scan, and how many scans follow."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lookalike.images.headers.base import Header, cut_short
from lookalike.images.jpeg_markers import END_OF_IMAGE, FRAMES, MARKER, PROGRESSIVE_FRAMES, START_OF_SCAN
from lookalike.images.picture_format import DecodedPixels, PictureFormat, rest_of
from lookalike.images.refusals import RefusalCode, refusal

if TYPE_CHECKING:
    from PIL import Image

_EXIF, _XMP, _PHOTOSHOP = b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00", b"Photoshop 3.0\x00"
_NOTES = {0xE1: (_EXIF, _XMP), 0xED: (_PHOTOSHOP,)}
_COMMON_LUMA = frozenset({(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4)})
_SUM_OF_STANDARD_TABLE = 3688  # of the table of brightness in annex K
_USUAL_QUALITY = 75
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_ANY_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _read_header(data: bytes) -> Header:
    """Walk the markers up to the first scan.

    Raises:
        ImageRefused: `truncated` when the file ends before a scan, `damaged` without a frame,
            `unsupported_format` for other depths than 8 bits or for 2 components.
    """
    frame, frame_marker = b"", 0
    segments: dict[bytes, bytes] = {}
    at = 2
    while True:
        at = data.find(b"\xff", at) + 1
        if at == 0 or at + 3 > len(data):
            raise cut_short("the JPEG header")
        marker = data[at]
        if marker == 0xFF:  # padding
            continue
        if marker in _WITHOUT_LENGTH:
            at += 1
            continue
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            break
        length = max(2, int.from_bytes(data[at + 1 : at + 3], "big"))
        if marker in FRAMES and not frame_marker:
            frame, frame_marker = data[at + 3 : at + 1 + length], marker
        elif marker in _NOTES and (name := next((one for one in _NOTES[marker] if data.startswith(one, at + 3)), b"")):
            segments.setdefault(name, data[at + 3 : at + 1 + length])
        at += 1 + length
    if not frame_marker or marker == END_OF_IMAGE:
        raise refusal(RefusalCode.DAMAGED, "the JPEG holds no picture: no frame before its first scan")
    components_in_scan = data[at + 3] if at + 3 < len(data) else 0
    in_passes = frame_marker in PROGRESSIVE_FRAMES or components_in_scan < _components(frame)
    scans = _scans(data, at=at - 1) if in_passes else 1
    return _of_frame(frame, segments, scans=scans, in_passes=in_passes)


def _scans(data: bytes, *, at: int) -> int:
    """How many scans the picture has, counted as a decoder meets them.

    What lies behind the end of the picture is not looked at, and neither is what a segment holds: a film, a second
    picture or a thumbnail has scans of its own.
    """
    count = 0
    while (found := MARKER.search(data, at)) is not None:
        marker, at = data[found.start() + 1], found.end()
        if marker == END_OF_IMAGE:
            break
        count += marker == START_OF_SCAN
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return max(1, count)


def _components(frame: bytes) -> int:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise refusal(RefusalCode.DAMAGED, "expected a whole frame header in the JPEG, but it is too short")
    return frame[5]


def _of_frame(frame: bytes, segments: Mapping[bytes, bytes], *, scans: int, in_passes: bool) -> Header:
    bits, components = frame[0], _components(frame)
    if bits != 8 or components not in (1, 3, 4):
        had = f"{bits} bits and {components} components"
        raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"expected a JPEG of 8 bits and 1, 3 or 4 components, got {had}")
    _check_factors(_factors(frame))
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    by_pillow = components == 4 or not _is_common(_factors(frame))  # else what is decoded is the result
    return Header(
        width=width,
        height=height,
        pixel_bytes=4 if by_pillow else 0,
        kept_bytes=4 if by_pillow else 0,
        fixed_bytes=_coefficient_bytes(width, height, frame) if in_passes else 0,
        exif=segments.get(_EXIF),
        xmp=segments.get(_XMP),
        iptc=segments.get(_PHOTOSHOP),
        components=components,
        passes=scans,
    )


def _coefficient_bytes(width: int, height: int, frame: bytes) -> int:
    """What a decoder keeps between passes: two bytes a sample, components counted with their subsampling."""
    factors = _factors(frame)
    whole = max(across for across, _ in factors) * max(down for _, down in factors)
    shares = sum(across * down for across, down in factors)
    return 2 * width * height * shares // max(1, whole)


def _factors(frame: bytes) -> list[tuple[int, int]]:
    """How often each component is sampled, across and down, in relation to the others."""
    return [(frame[7 + 3 * c] >> 4, frame[7 + 3 * c] & 15) for c in range(frame[5])]


def _is_common(factors: list[tuple[int, int]]) -> bool:
    """Whether the fast decoder has a name for these factors; a single component may have any."""
    return len(factors) == 1 or (factors[0] in _COMMON_LUMA and set(factors[1:]) == {(1, 1)})


def _check_factors(factors: list[tuple[int, int]]) -> None:
    for each in zip(*factors, strict=True):
        if not all(1 <= factor <= 4 for factor in each):
            raise refusal(
                RefusalCode.DAMAGED, f"the JPEG has sampling factors of {min(each)} to {max(each)}, expected are 1 to 4"
            )
        if any(max(each) % factor for factor in each):
            had = ", ".join(f"{across}x{down}" for across, down in factors)
            raise refusal(
                RefusalCode.UNSUPPORTED_FORMAT, f"the JPEG is sampled in fractions ({had}): no decoder reads it"
            )


def _decode(data: bytes, *, header: Header, scale: int) -> DecodedPixels:
    from lookalike.images.jpeg import decode_jpeg

    return decode_jpeg(data, header=header, scale=scale)


def _open(data: bytes, *, header: Header, whole: bool) -> Image.Image:
    from PIL.JpegImagePlugin import JpegImageFile

    from lookalike.images.jpeg import with_end

    return JpegImageFile(io.BytesIO((with_end(data, header=header) if whole else None) or data))


def _end(data: bytes) -> int:
    """Behind the first end-of-image marker that stands neither in a segment (a thumbnail) nor in coded data."""
    at = 2
    while (found := _ANY_MARKER.search(data, at)) is not None:
        at, marker = found.end(), data[found.end() - 1]
        if marker == END_OF_IMAGE:
            return at
        if marker != 0x01:
            at += int.from_bytes(data[at : at + 2], "big")
    return len(data)


def _quality(data: bytes, image: Image.Image) -> int:
    tables = getattr(image, "quantization", None)
    if not tables:
        return _USUAL_QUALITY
    scale: float = 100 * sum(tables[0]) / _SUM_OF_STANDARD_TABLE
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return min(100, max(1, round(quality)))


FORMAT = PictureFormat(
    name="jpeg",
    title="JPEG",
    media_type="image/jpeg",
    extensions=("jpg", "jpeg", "jpe", "jfif"),
    recognise=lambda data: data.startswith(b"\xff\xd8\xff"),
    read_header=_read_header,
    is_told_early=lambda header: header.fixed_bytes == 0,  # else its scans are counted, to its end
    open=_open,
    decode_scaled=_decode,
    quality=_quality,
    behind=lambda data: rest_of(data, end=_end(data)),
)
