"""Which format a file has, told by its content: an allow-list. Names and extensions are never asked."""

from __future__ import annotations

from enum import StrEnum

from lookalike.images.refusals import RefusalCode, refusal


class ImageFormat(StrEnum):
    """The formats that are decoded."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    AVIF = "avif"
    HEIC = "heic"


_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
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


def format_of(data: bytes) -> ImageFormat:
    """Tell the format of a file's content.

    Raises:
        ImageRefused: `empty`; `unsupported_format` for a known format that is not decoded here;
            `not_an_image` for anything else.
    """
    if not data:
        raise refusal(RefusalCode.EMPTY, "the file is empty")
    known = known_format(data)
    if known is not None:
        return known
    other = known_other(data)
    accepted = ", ".join(item.value for item in ImageFormat)
    if other is not None:
        raise refusal(RefusalCode.UNSUPPORTED_FORMAT, f"{other} is not decoded; accepted are {accepted}", format=other)
    raise refusal(RefusalCode.NOT_AN_IMAGE, f"the content is not a picture; accepted are {accepted}")


def known_format(data: bytes) -> ImageFormat | None:
    """The format of what begins with these bytes, 256 or more where there are so many; None for no picture of ours."""
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return ImageFormat.GIF
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return ImageFormat.BMP
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return ImageFormat.TIFF
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return ImageFormat.AVIF
    return ImageFormat.HEIC if brands & _HEIC_BRANDS else None


def _brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file; none for anything else."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def known_other(data: bytes) -> str | None:
    """What else it may be that begins with these bytes, in words; None for what is not known."""
    if data[4:8] == b"ftyp":
        return f"an ISO media file of brand {data[8:12].decode('ascii', 'replace')!r}"
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<svg" in data[:1024]:
        return "SVG"
    return next((name for magic, name in _KNOWN_OTHERS if data.startswith(magic) or text.startswith(magic)), None)
