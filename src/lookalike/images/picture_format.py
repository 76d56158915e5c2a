"""What a file of `images/formats/` says of its format: everything that is known of it anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lookalike.core.vectors import Pixels
from lookalike.images.headers.base import Header

if TYPE_CHECKING:
    from PIL import Image


class DecodedPixels(NamedTuple):
    """A picture decoded without Pillow, not yet turned upright.

    Attributes:
        pixels: shape (ceil(H / scale), ceil(W / scale), 3), uint8, C-contiguous.
        lacks_its_end: whether the file was cut off right behind the picture, of which nothing is missing.
    """

    pixels: Pixels
    lacks_its_end: bool


class Opener(Protocol):
    """Opens a picture with Pillow, without decoding it. It imports its reader itself, when it is called."""

    def __call__(self, data: bytes, *, header: Header, whole: bool) -> Image.Image:
        """Open it.

        Args:
            data: the whole file.
            header: of this file.
            whole: with every frame and the colour profile, which decoding one picture does without.
        """
        ...


class ScaledDecoder(Protocol):
    """Decodes a picture and scales it on the way."""

    def __call__(self, data: bytes, *, header: Header, scale: int) -> DecodedPixels:
        """Decode it; `scale`, by which each side is divided, is 1, 2, 4 or 8."""
        ...


def _nothing_behind(_data: bytes) -> bytes:
    return b""


def _never(_header: Header) -> bool:
    return False


def _eight_bits(_data: bytes, _image: Image.Image) -> int:
    return 8


def _loses_nothing(_data: bytes, _image: Image.Image) -> int | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFormat:
    """A format that is decoded.

    Attributes:
        name: in small letters, as catalogs keep it and filters ask for it: that of its file in `images/formats/`.
        title: as people write it: `WebP`.
        media_type: under which the service gives its files out.
        extensions: by which its files are found in a folder, in small letters, without the dot.
        recognise: whether a file that begins with these bytes, 256 or more where there are so many, is one. No other
            format may say so of the same bytes.
        read_header: the size and the cost of a whole file, before anything is decoded. It may raise `ImageRefused`,
            `struct.error` and `IndexError`; the last two are told as a file that is cut off.
        open: opens it with Pillow; whatever it raises becomes a refusal.
        decode_scaled: decodes it without Pillow, and smaller where that is cheaper; None for what Pillow decodes whole.
        library: what has to be installed besides to open it; empty where nothing has to be.
        extra: of Lookalike, which brings it.
        browsers_read: whether the page can show it, and embed it by itself.
        needs_its_ending: whether a file with another ending that begins like one is something else: most raw formats of
            cameras dress as TIFF.
        is_told_early: whether a header that was read of the beginning of a file is that of the whole, whatever follows.
        told_by_decoder: whether EXIF and XMP come from the opened picture, and not from its header.
        comes_upright: whether its decoder turns pictures upright by itself.
        frames_are_pages: whether several frames are pages, and no animation.
        bits: of each channel of an opened picture, 8 or more.
        quality: from 1 to 100, what its compression has left of an opened picture; None where it loses nothing.
        behind: what lies behind the picture in its file; empty where there is nothing but padding.
    """

    name: str
    title: str
    media_type: str
    extensions: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read_header: Callable[[bytes], Header]
    open: Opener
    decode_scaled: ScaledDecoder | None = None
    library: str = ""
    extra: str = ""
    browsers_read: bool = True
    needs_its_ending: bool = False
    is_told_early: Callable[[Header], bool] = _never
    told_by_decoder: bool = False
    comes_upright: bool = False
    frames_are_pages: bool = False
    bits: Callable[[bytes, Image.Image], int] = _eight_bits
    quality: Callable[[bytes, Image.Image], int | None] = _loses_nothing
    behind: Callable[[bytes], bytes] = _nothing_behind


PADDING = b"\x00\r\n \xff"


def rest_of(data: bytes, *, end: int) -> bytes:
    """What lies behind a picture that ends at `end`; empty for padding."""
    rest = data[end:]
    return rest if rest.strip(PADDING) else b""
