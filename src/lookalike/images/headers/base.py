"""What every reader of a header tells."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.core.errors import ImageRefused
from lookalike.images.refusals import RefusalCode, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A picture's header.

    Attributes:
        width: in pixels, as stored: the largest that any part of the header claims.
        height: likewise.
        pixel_bytes: memory that the decoder takes for each pixel that comes out, the decoded picture included.
        kept_bytes: memory of each pixel of the decoded picture, from which the result is made.
        fixed_bytes: memory that decoding takes besides, whatever the scale.
        exif: the EXIF block where the reader can find it, else None.
        xmp: the XMP packet, likewise.
        iptc: what holds the IPTC records, likewise.
        written_at: what a text of a PNG says of its creation.
        components: colour components of a JPEG; 0 where the decoder does not ask.
        passes: how often a decoder goes over the whole picture: the scans of a progressive JPEG, else 1.
    """

    width: int
    height: int
    pixel_bytes: float
    kept_bytes: float
    fixed_bytes: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    written_at: str = ""
    components: int = 0
    passes: int = 1


def cut_short(what: str) -> ImageRefused:
    """The refusal of a file that ends inside its own header."""
    return refusal(RefusalCode.TRUNCATED, f"expected a whole picture, but the file ends inside {what}")
