"""The pictures on which browsers and server are compared: drawn or the user's own, and the forms that are difficult."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.core.errors import BadInput, ImageRefused
from lookalike.demo.pictures import Variant, make_pictures
from lookalike.images.decode import decode
from lookalike.images.known_formats import picture_formats
from lookalike.images.walk import FoundFile, walk

ORIENTATION = 274
LEAST = 12


class Golden(NamedTuple):
    """A picture to compare on.

    Attributes:
        name: for people.
        form: `as it is`, or what was made of it.
        content: the file.
    """

    name: str
    form: str
    content: bytes


def golden_set(files: Sequence[Path]) -> list[Golden]:
    """The files that server and browsers can read, and behind them, each form, made of a file of its own."""
    plain = [Golden(path.name, "as it is", content) for path in files if _readable(content := path.read_bytes())]
    if len(plain) < LEAST:
        raise BadInput(f"expected {LEAST} or more pictures to compare on, got {len(plain)}; add pictures to the folder")
    made = [
        Golden(picture.name, form, make(_open(picture.content)))
        for picture, (form, make) in zip(plain, FORMS.items(), strict=False)
    ]
    return plain + made


def draw_files(folder: Path, *, count: int) -> list[Path]:
    """Draw the demo's pictures into a folder; without the one that is broken on purpose."""
    return [picture.path for picture in make_pictures(folder, count=count) if picture.variant is not Variant.BROKEN]


def files_below(folder: Path, *, count: int) -> list[Path]:
    """So many of the pictures below a folder, evenly from all of them."""
    found = [Path(file.path) for file in walk([folder]) if isinstance(file, FoundFile)]
    return [found[i] for i in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]


def _readable(content: bytes) -> bool:
    try:
        return picture_formats()[decode(content).format].browsers_read
    except ImageRefused:
        return False


def _open(content: bytes) -> Image.Image:
    return Image.fromarray(decode(content, min_side=None).pixels)


def _save(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _turn(image: Image.Image, *, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return _save(image, "JPEG", quality=92, exif=exif)


def _with_alpha(image: Image.Image) -> bytes:
    """Fades out to the right, over colours that are not white."""
    fade = np.linspace(255, 0, image.width).round().astype(np.uint8)
    image.putalpha(Image.fromarray(np.tile(fade, (image.height, 1))))
    return _save(image, "PNG")


def _widen_to_sixteen_bits(image: Image.Image) -> bytes:
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    return _save(Image.fromarray(grey * 257), "PNG")


def _large(image: Image.Image) -> bytes:
    return _save(image.resize((2400, 1800), Image.Resampling.BICUBIC), "JPEG", quality=92)


FORMS: dict[str, Callable[[Image.Image], bytes]] = {
    **{f"EXIF turn {n}": lambda image, n=n: _turn(image, orientation=n) for n in (3, 5, 6, 8)},  # type: ignore[misc]
    "PNG with alpha": _with_alpha,
    "PNG of 16 bits": _widen_to_sixteen_bits,
    "PNG with a palette": lambda image: _save(image.quantize(64), "PNG"),
    "grey JPEG": lambda image: _save(image.convert("L"), "JPEG", quality=92),
    "CMYK JPEG": lambda image: _save(image.convert("CMYK"), "JPEG", quality=92),
    "progressive JPEG": lambda image: _save(image, "JPEG", quality=85, progressive=True, subsampling=0),
    "WebP": lambda image: _save(image, "WEBP", quality=90),
    "large JPEG": _large,
}
"""Name of a form -> what makes it of a picture; the numbers are those of the EXIF orientation."""


def by_form(pictures: Sequence[Golden]) -> Iterator[tuple[str, list[int]]]:
    """Each form with the places of its pictures, in the order of their first."""
    for form in dict.fromkeys(picture.form for picture in pictures):
        yield form, [place for place, picture in enumerate(pictures) if picture.form == form]
