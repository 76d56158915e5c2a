"""How much one picture may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """Limits that are checked against a picture's header, before anything is decoded.

    The defaults let every real photo pass: 200 megapixels is the largest phone camera. What a picture costs is
    not its pixel count but the memory that its decoder takes: a baseline JPEG is scaled while it is decoded and
    costs next to nothing, a scanned page one byte for each pixel, a WebP up to 18. So that memory is estimated for
    each format and limited by itself, and a small file must stay cheap: beyond `trusted_decode_bytes`, which a page
    of text at 1,200 dots an inch stays below, each byte of the file may become at most `max_expansion` bytes. That
    refuses the few kilobytes that claim a gigabyte.

    Attributes:
        max_bytes: of the file; rubbish after a valid picture counts, and is ignored below this limit.
        max_pixels: width times height, for formats that are decoded whole as for those that are scaled.
        max_side: in pixels; 65,535 is what JPEG itself can hold.
        max_decode_bytes: estimated memory of decoding one picture.
        free_decode_bytes: estimated memory up to which pictures are decoded side by side; above, one at a time.
        trusted_decode_bytes: estimated memory that any file may take, however small it is.
        max_expansion: estimated memory divided by the size of the file.
        max_scanned_pixels: pixels times passes over them, for JPEGs that come in many passes (progressive).
    """

    max_bytes: int = 200_000_000
    max_pixels: int = 200_000_000
    max_side: int = 65_535
    max_decode_bytes: int = 1_000_000_000
    free_decode_bytes: int = 64_000_000
    trusted_decode_bytes: int = 256_000_000
    max_expansion: int = 2_000
    max_scanned_pixels: int = 3_000_000_000


DEFAULT_LIMITS = ImageLimits()
