"""What makes two files the same picture in all they hold, and what does not."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.images.whole.contents import Contents, contents_of, render_frames

RNG = np.random.default_rng(7)
COLOUR = Image.fromarray(RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8))
FEW = COLOUR.resize((8, 8)).resize((56, 40), Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def held(data: bytes) -> Contents:
    return contents_of(data, limits=DEFAULT_LIMITS)


def same(one: bytes, other: bytes) -> bool:
    return held(one).digest == held(other).digest


def animation(kind: str, *, last: int = 3, duration: int = 100, **options: Any) -> bytes:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue", "black")[: last + 1]]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=duration, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("BMP", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True}), ("PNG", {"compress_level": 9})],
)
def test_another_lossless_file_of_the_same_pixels_is_the_same(kind: str, options: dict[str, Any]) -> None:
    assert same(encoded(COLOUR, "PNG"), encoded(COLOUR, kind, **options))


def test_a_palette_grey_and_an_opaque_alpha_are_the_same_as_their_colours() -> None:
    assert same(encoded(FEW, "PNG"), encoded(FEW.quantize(64), "PNG"))
    assert same(encoded(COLOUR.convert("L"), "PNG"), encoded(COLOUR.convert("L").convert("RGB"), "PNG"))
    opaque = COLOUR.copy()
    opaque.putalpha(255)
    assert same(encoded(COLOUR, "PNG"), encoded(opaque, "PNG"))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_pixels_are_compared_upright(orientation: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(COLOUR.transpose(Image.Transpose(back)), "PNG", exif=exif)
    assert same(encoded(COLOUR, "PNG"), turned)


def test_transparency_counts_even_where_it_hides_other_colours() -> None:
    white = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    other = white.copy()
    other.paste((255, 255, 255, 255), (5, 5, 9, 9))
    hidden = white.copy()
    hidden.paste((9, 9, 9, 0), (5, 5, 9, 9))
    plain = Image.new("RGB", (20, 20), "white")
    files = [encoded(image, "PNG") for image in (white, other, hidden, plain)]
    assert len({held(data).digest for data in files}) == 4
    assert held(files[0]).has_alpha


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_every_frame_counts_and_the_first_alone_is_another_picture(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    whole, shorter = animation(kind, **options), animation(kind, last=2, **options)
    still = encoded(Image.new("RGB", (30, 20), "red"), kind, **options)
    assert [held(data).frames for data in (whole, shorter, still)] == [4, 3, 1]
    assert len({held(data).digest for data in (whole, shorter, still)}) == 3


def test_times_and_repetitions_count_and_the_format_does_not() -> None:
    assert same(animation("PNG", loop=0), animation("WEBP", loop=0, lossless=True))
    assert not same(animation("WEBP", loop=0, lossless=True), animation("WEBP", loop=0, lossless=True, duration=200))
    assert not same(animation("PNG", loop=0), animation("PNG", loop=3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_what_lies_behind_the_picture_counts_but_for_padding(kind: str) -> None:
    data = encoded(FEW.quantize(16) if kind == "GIF" else FEW, kind)
    film = b"\0\0\0\x18ftypmp42" + bytes(range(256))
    assert not same(data, data + film)
    assert not same(data + film, data + film[::-1])
    assert same(data, data + bytes(64))
    assert held(data + film).behind_bytes == len(film)


def test_a_thumbnail_inside_a_jpeg_does_not_end_it() -> None:
    inner = encoded(COLOUR.resize((16, 16)), "JPEG")
    exif = b"Exif\0\0" + inner
    data = encoded(COLOUR, "JPEG")
    with_thumbnail = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert held(with_thumbnail).behind_bytes == 0
    assert same(data, with_thumbnail)


def deep_png(values: np.ndarray[Any, Any], *, level: int) -> bytes:
    """A PNG of 16 bits in colour, which Pillow does not write: shape (H, W, 3), uint16."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b"")


def test_all_sixteen_bits_of_a_colour_count() -> None:
    values = RNG.integers(0, 65_536, (12, 15, 3), dtype=np.uint16)
    finer = values.copy()
    finer[3, 4, 1] ^= 1
    assert same(deep_png(values, level=1), deep_png(values, level=9))
    assert not same(deep_png(values, level=1), deep_png(finer, level=1))
    assert held(deep_png(values, level=1)).bits == 16
    eight = encoded(Image.fromarray((values >> 8).astype(np.uint8)), "PNG")
    assert not same(deep_png(values, level=1), eight)
    assert not same(deep_png((values >> 8) * 257, level=1), eight)


def test_sixteen_bits_of_grey_are_the_same_in_png_and_tiff() -> None:
    grey = Image.fromarray(RNG.integers(0, 65_536, (12, 15), dtype=np.uint16))
    assert same(encoded(grey, "PNG"), encoded(grey, "TIFF"))
    assert held(encoded(grey, "TIFF")).bits == 16


def test_a_profile_counts_unless_it_is_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    assert same(encoded(COLOUR, "PNG"), encoded(COLOUR, "PNG", icc_profile=srgb))
    assert not same(encoded(COLOUR, "PNG"), encoded(COLOUR, "PNG", icc_profile=lab))


def test_inks_are_not_light() -> None:
    inks = COLOUR.convert("CMYK")
    assert not same(encoded(inks, "TIFF"), encoded(inks.convert("RGB"), "TIFF"))


@pytest.mark.parametrize("ground", [0, 200], ids=["everywhere", "on plain ground"])
@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_few_colours_in_the_place_of_many_are_a_loss_and_a_drawing_in_a_palette_is_none(kind: str, ground: int) -> None:
    chance = np.random.default_rng(3)
    photo = Image.fromarray(
        np.clip(chance.normal(0, 6, (96, 128, 3)) + np.linspace(20, 220, 128)[:, None], 0, 255).astype(np.uint8)
    )
    photo = ImageOps.expand(photo, (ground, 0, ground, 0), "white")
    drawing = Image.fromarray(np.arange(256, dtype=np.uint8).repeat(64).reshape(64, 256)).convert("RGB")
    assert held(encoded(photo, "JPEG", quality=90)).quality > held(encoded(photo.quantize(256), kind)).quality
    assert held(encoded(drawing.quantize(256), kind)).quality == 100


@pytest.mark.parametrize("quality", [20, 50, 75, 90])
def test_the_quality_of_a_jpeg_is_that_with_which_it_was_saved(quality: int) -> None:
    assert abs(held(encoded(COLOUR, "JPEG", quality=quality)).quality - quality) <= 3


def test_transparent_pictures_are_seen_on_white_and_on_black() -> None:
    icon = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    white, black = render_frames(encoded(icon, "PNG"), limits=DEFAULT_LIMITS)
    assert white.min() == 255
    assert black.max() == 0
