"""True copies: what saving again, resizing and recompressing make of a picture."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from PIL import Image, ImageCms

Make = Callable[[Image.Image, random.Random], "File"]
_FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_ENLARGING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_ORIENTATION = 0x0112
# For each value of EXIF's orientation, how the stored pixels are made from the upright ones.
_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


class File(NamedTuple):
    """The bytes of a file and how its name ends."""

    data: bytes
    suffix: str


def saved(picture: Image.Image, kind: str, **options: object) -> File:
    """A picture as a file."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return File(target.getvalue(), {"JPEG": "jpg", "TIFF": "tif"}.get(kind, kind.lower()))


def jpeg(quality: int, **options: object) -> Make:
    return lambda picture, _: saved(picture, "JPEG", quality=quality, **options)


def resized(share: float, kind: str = "JPEG", **options: object) -> Make:
    def make(picture: Image.Image, chance: random.Random) -> File:
        size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
        return saved(picture.resize(size, chance.choice(_FILTERS if share < 1 else _ENLARGING)), kind, **options)

    return make


def turned(picture: Image.Image, chance: random.Random) -> File:
    orientation = chance.choice(list(_STORED))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return saved(picture.transpose(_STORED[orientation]), "JPEG", quality=90, exif=exif)


def twice(picture: Image.Image, chance: random.Random) -> File:
    """Sent through two services: small and coarse, then saved finely again."""
    first = Image.open(io.BytesIO(resized(0.8, quality=60)(picture, chance).data))
    return saved(first, "JPEG", quality=92)


def with_profile(picture: Image.Image, _: random.Random) -> File:
    """In a linear light of its own: other numbers, the same picture."""
    profile = ImageCms.createProfile("sRGB")
    return saved(picture, "JPEG", quality=88, icc_profile=ImageCms.ImageCmsProfile(profile).tobytes())


def inks(picture: Image.Image, _: random.Random) -> File:
    return saved(picture.convert("CMYK"), "TIFF", compression="tiff_lzw")


COPIES: Mapping[str, Make] = MappingProxyType(
    {
        "JPEG 95": jpeg(95),
        "JPEG 85, progressive": jpeg(85, progressive=True),
        "JPEG 75, 4:4:4": jpeg(75, subsampling="4:4:4"),
        "JPEG 75, 4:2:2": jpeg(75, subsampling="4:2:2"),
        "JPEG 60": jpeg(60),
        "JPEG 40": jpeg(40),
        "JPEG 30": jpeg(30),
        "JPEG 20": jpeg(20),
        "PNG": lambda picture, _: saved(picture, "PNG"),
        "BMP": lambda picture, _: saved(picture, "BMP"),
        "WebP, lossless": lambda picture, _: saved(picture, "WEBP", lossless=True),
        "WebP 80": lambda picture, _: saved(picture, "WEBP", quality=80),
        "WebP 50": lambda picture, _: saved(picture, "WEBP", quality=50),
        "AVIF 70": lambda picture, _: saved(picture, "AVIF", quality=70, speed=9),
        "AVIF 50": lambda picture, _: saved(picture, "AVIF", quality=50, speed=9),
        "turned by EXIF": turned,
        "with a profile": with_profile,
        "CMYK": inks,
        "90 %": resized(0.9, quality=88),
        "75 %": resized(0.75, quality=80),
        "66 %, PNG": resized(0.66, "PNG"),
        "50 %": resized(0.5, quality=80),
        "50 %, WebP": resized(0.5, "WEBP", quality=80),
        "33 %": resized(0.33, quality=85),
        "25 %": resized(0.25, quality=85),
        "25 %, PNG": resized(0.25, "PNG"),
        "130 %": resized(1.3, quality=75),
        "sent twice": twice,
    }
)
"""Name of a way of copying -> what makes the file of an upright RGB picture."""
