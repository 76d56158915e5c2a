"""What a picture holds, counted and summed up: for telling the same from the nearly same, and more from less."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.core.errors import ImageRefused
from lookalike.core.vectors import Pixels
from lookalike.images.limits import ImageLimits
from lookalike.images.whole.colours import in_srgb, profile_key
from lookalike.images.whole.quality import quality_of, real_share
from lookalike.images.whole.reading import Frame, Opened, frames, open_whole


@dataclass(frozen=True, slots=True)
class Contents:
    """What a picture holds.

    Attributes:
        digest: SHA-256, the same for pictures that are the same in all they hold: every frame's pixels upright, with
            transparency, every bit and their colour profile; the frames' times; and what lies behind the picture. A
            picture that cannot be read in full has a digest of its own.
        frames: how many frames or pages.
        durations_ms: of the frames.
        bits: of each channel.
        has_alpha: whether some pixel of some frame is not opaque.
        behind_bytes: how much lies behind the picture, such as the film of a motion photo.
        quality: from 1 to 100, as a JPEG's; 100 where nothing was lost as far as can be seen.
        real_pixels: how many pixels it would take to hold the detail that there is: fewer for enlarged pictures.
    """

    digest: bytes
    frames: int
    durations_ms: tuple[int, ...]
    bits: int
    has_alpha: bool
    behind_bytes: int
    quality: int
    real_pixels: int


def contents_of(data: bytes, *, limits: ImageLimits) -> Contents:
    """Read a picture whole. Takes as long as decoding all of its frames, one at a time.

    Raises:
        ImageRefused: when it cannot be decoded.
    """
    picture = open_whole(data, limits=limits)
    behind = picture.inspected.format.behind(data)
    icc = picture.image.info.get("icc_profile")
    summed = hashlib.sha256(hashlib.sha256(behind).digest())
    summed.update(profile_key(icc, mode=picture.image.mode))
    summed.update(repr(_loop(picture)).encode())
    durations: list[int] = []
    has_alpha, real_pixels, first = False, 0, None
    try:
        for frame in frames(data, picture, limits=limits):
            has_alpha = has_alpha or frame.mode.startswith("RGBA")
            durations.append(frame.duration_ms)
            summed.update(f"{frame.mode} {frame.values.shape} {frame.duration_ms}".encode())
            summed.update(np.ascontiguousarray(frame.values).data)
            first = first or frame
    except ImageRefused:
        summed = hashlib.sha256(data)  # no proof that it is the same as any other
        durations = durations or [0]
    brightness = np.asarray(first.image.convert("L"), np.float32) if first is not None else None
    quality = quality_of(data, picture.image, picture.inspected.format, brightness)
    if brightness is not None:
        real_pixels = round(brightness.size * real_share(brightness, quality=quality))
    return Contents(
        digest=summed.digest(),
        frames=max(len(durations), int(getattr(picture.image, "n_frames", 1))),
        durations_ms=tuple(durations) if len(durations) > 1 else (0,),
        bits=picture.bits,
        has_alpha=has_alpha,
        behind_bytes=len(behind),
        quality=quality,
        real_pixels=real_pixels,
    )


def render_frames(data: bytes, *, limits: ImageLimits) -> list[Pixels]:
    """What the eye sees of a picture: each frame upright in sRGB, on white; of transparent ones also on black.

    Each is of shape (H, W, 3), uint8 RGB.

    Raises:
        ImageRefused: when it cannot be decoded.
    """
    picture = open_whole(data, limits=limits)
    icc = picture.image.info.get("icc_profile")
    return [side for frame in frames(data, picture, limits=limits) for side in _sides(frame, icc)]


def _sides(frame: Frame, icc: bytes | None) -> list[Pixels]:
    image = in_srgb(frame.image, icc)
    if image.mode != "RGBA":
        return [np.asarray(image.convert("RGB"))]
    sides = []
    for ground in ("white", "black"):
        canvas = Image.new("RGB", image.size, ground)
        canvas.paste(image, mask=image.getchannel("A"))
        sides.append(np.asarray(canvas))
    return sides


def _loop(picture: Opened) -> int | None:
    """How often an animation is shown, 0 for without end; None for a single picture."""
    if getattr(picture.image, "n_frames", 1) == 1 or picture.inspected.format.frames_are_pages:
        return None
    return int(picture.image.info.get("loop", 1))
