"""Colour profiles: which are nothing but sRGB, and what the others' numbers are in sRGB."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_STEPS = 9
_MOST_LEVELS = 1


def profile_key(icc: bytes | None, *, mode: str) -> bytes:
    """What a profile adds to the numbers of a picture: nothing for none and for sRGB, else its SHA-256."""
    if not icc or _is_srgb(icc, "L" if mode.startswith(("L", "I", "1")) else "RGB"):
        return b""
    return hashlib.sha256(icc).digest()


def in_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """A picture of 8 bits in sRGB; as it is where its profile is none, sRGB, broken, or for another kind of picture."""
    if not icc or image.mode not in ("RGB", "L", "CMYK", "RGBA") or (image.mode != "CMYK" and _is_srgb(icc, "RGB")):
        return image
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    plain = image.convert("RGB") if alpha is not None else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        made = ImageCms.profileToProfile(plain, source, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if made is None:
        return image
    if alpha is not None:
        made.putalpha(alpha)
    return made


@lru_cache(maxsize=256)
def _is_srgb(icc: bytes, mode: str) -> bool:
    """Whether a profile leaves a lattice of colours where sRGB has them, to one level."""
    steps = np.linspace(0, 255, _STEPS).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(_STEPS, -1, 3)
    colours = Image.fromarray(lattice) if mode == "RGB" else Image.fromarray(lattice[..., 0].copy())
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        made = ImageCms.profileToProfile(colours, source, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    if made is None:
        return False
    moved = np.asarray(made, np.int16) - np.asarray(colours.convert("RGB"), np.int16)
    return bool(np.abs(moved).max() <= _MOST_LEVELS)


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
