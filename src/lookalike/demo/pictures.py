"""Makes the pictures of the demo: a few hundred, drawn by rules, so that nothing is downloaded or shipped."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.core.errors import BadInput, StorageFailed
from lookalike.demo.alterations import Part, crop, rotate, screenshot
from lookalike.demo.brush import Canvas
from lookalike.demo.families import FAMILIES

SIZES = ((480, 360), (512, 384), (400, 400), (480, 320), (360, 480), (560, 373), (384, 512), (640, 427))


class Variant(StrEnum):
    """What a picture is to the one that it was made of."""

    ORIGINAL = "original"
    CROP = "crop"
    ROTATION = "rotation"
    SCREENSHOT = "screenshot"
    COPY = "copy"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class MadePicture:
    """One file of the demo.

    Attributes:
        path: where it lies.
        family: what it shows, a name of `FAMILIES`.
        variant: an original, or what was done to one.
        of: the original that it was made of; None for originals.
        shown_at: in a screenshot, where the original is.
    """

    path: Path
    family: str
    variant: Variant
    of: Path | None = None
    shown_at: Part | None = None


@dataclass(frozen=True, slots=True)
class _Shares:
    """How many pictures of each sort a demo of `count` files holds."""

    count: int

    @property
    def broken(self) -> int:
        return 1 if self.count >= 10 else 0

    @property
    def copies(self) -> int:
        return min(2, self.count // 20)

    @property
    def altered(self) -> int:
        return self.count // 5

    @property
    def originals(self) -> int:
        return self.count - self.altered - self.copies - self.broken


def make_pictures(
    folder: Path, *, count: int = 400, seed: int = 1, drawn: Callable[[int, int], None] | None = None
) -> list[MadePicture]:
    """Draw pictures of all families in turn, and crops, rotations, screenshots and copies of some.

    The same arguments give the same pixels on every run; files of the same names are overwritten. It takes
    some 10 to 20 ms for each hundred thousand pixels on one core.

    Args:
        folder: where a folder for each family is made; it need not exist.
        count: files to write. From ten on, one of them is a JPEG cut in half, to show what a refusal looks
            like; from twenty on there are byte-identical copies.
        seed: another seed gives other pictures of the same families.
        drawn: called after each picture: how many of how many there are.
    Returns:
        `count` records, in the order of writing; each altered picture follows its original.
    Raises:
        BadInput: when `count` is less than 1.
        StorageFailed: when a file cannot be written.
    """
    if count < 1:
        raise BadInput(f"expected at least 1 picture to make, got {count}; leave it out for the usual number")
    try:
        made = []
        for picture in _write(folder, _Shares(count), seed):
            made.append(picture)
            if drawn is not None:
                drawn(len(made), count)
    except OSError as error:
        raise StorageFailed(
            f"could not write the demo's pictures under {folder}: {error}; make room there, or choose another folder"
        ) from error
    return made


def _write(folder: Path, shares: _Shares, seed: int) -> Iterator[MadePicture]:
    names = list(FAMILIES)
    for i in range(shares.originals):
        family, member = names[i % len(names)], i // len(names)
        rng = np.random.default_rng([seed, i % len(names), member])
        picture = _original(family, rng)
        path = folder / family / f"{family}-{member + 1:02d}{_suffix(i)}"
        yield _make(MadePicture(path, family, Variant.ORIGINAL), _encode(picture, path.suffix, rng))
        if i < shares.altered:
            yield _alter(picture, path, family, i, rng)
        if i < shares.copies:
            twin = path.with_name(f"copy of {path.name}")
            yield _make(MadePicture(twin, family, Variant.COPY, path), path.read_bytes())
        if i < shares.broken:
            whole = _encode(picture, ".jpg", rng)
            half = folder / "broken" / f"{path.stem} cut in half on purpose.jpg"
            yield _make(MadePicture(half, family, Variant.BROKEN, path), whole[: len(whole) // 2])


def _original(family: str, rng: np.random.Generator) -> Image.Image:
    canvas = Canvas(*SIZES[int(rng.integers(len(SIZES)))])
    FAMILIES[family](canvas, rng)
    return canvas.photograph(rng)


def _alter(picture: Image.Image, path: Path, family: str, i: int, rng: np.random.Generator) -> MadePicture:
    variant = (Variant.CROP, Variant.ROTATION, Variant.SCREENSHOT)[i % 3]
    shown_at = None
    match variant:
        case Variant.CROP:
            changed = crop(picture, rng)
        case Variant.ROTATION:
            changed = rotate(picture, rng)
        case _:
            changed, shown_at = screenshot(picture, rng, title=path.name)
    suffix = ".png" if variant is Variant.SCREENSHOT and i % 2 else ".jpg"
    altered = path.with_name(f"{path.stem}-{variant}{suffix}")
    return _make(MadePicture(altered, family, variant, path, shown_at), _encode(changed, suffix, rng))


def _make(picture: MadePicture, content: bytes) -> MadePicture:
    picture.path.parent.mkdir(parents=True, exist_ok=True)
    picture.path.write_bytes(content)
    return picture


def _suffix(i: int) -> str:
    return {5: ".png", 11: ".webp", 17: ".gif"}.get(i % 31, ".jpg")


def _encode(picture: Image.Image, suffix: str, rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    match suffix:
        case ".jpg":
            picture.save(buffer, "JPEG", quality=int(rng.integers(84, 95)))
        case ".png":
            picture.save(buffer, "PNG", compress_level=4)
        case ".webp":
            picture.save(buffer, "WEBP", quality=86, method=2)
        case _:
            picture.quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, "GIF")
    return buffer.getvalue()
