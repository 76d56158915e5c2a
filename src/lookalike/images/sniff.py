"""Which format a file has, told by its content: an allow-list. Names and extensions are never asked."""

from __future__ import annotations

from lookalike.images.known_formats import format_names, formats_in_turn
from lookalike.images.picture_format import PictureFormat
from lookalike.images.refusals import RefusalCode, refusal

_KNOWN_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
    (b"IIRO", "Olympus raw"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (b"\x00\x00\x01\x00", "Windows icon"),
    (b"qoif", "QOI"),
    (b"gimp xcf", "GIMP"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DirectDraw surface"),
    (b"%PDF-", "PDF"),
    (b"<svg", "SVG"),
)


def format_of(data: bytes) -> PictureFormat:
    """Tell the format of a file's content.

    Raises:
        ImageRefused: `empty`; `unsupported_format` for a known format that is not decoded here;
            `not_an_image` for anything else.
    """
    if not data:
        raise refusal(RefusalCode.EMPTY, "expected a picture, but the file is empty")
    known = find_format(data)
    if known is not None:
        return known
    other = find_other(data)
    accepted = ", ".join(format_names())
    if other is not None:
        raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"{other} is not decoded; accepted are {accepted}", format=other)
    raise refusal(RefusalCode.NOT_AN_IMAGE, f"the content is not a picture; accepted are {accepted}")


def find_format(data: bytes) -> PictureFormat | None:
    """The format of what begins with these bytes, 256 or more where there are so many; None for no picture of ours."""
    return next((one for one in formats_in_turn() if one.recognise(data)), None)


def find_other(data: bytes) -> str | None:
    """What else it may be that begins with these bytes, in words; None for what is not known."""
    if data[4:8] == b"ftyp":
        return f"an ISO media file of brand {data[8:12].decode('ascii', 'replace')!r}"
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<svg" in data[:1024]:
        return "SVG"
    return next((name for magic, name in _KNOWN_OTHERS if data.startswith(magic) or text.startswith(magic)), None)
