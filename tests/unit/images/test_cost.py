"""What decoding is said to take is what it takes: measured in a process of its own, for every kind of picture."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import decode
from lookalike.images.limits import ImageLimits
from tests.unit.images.pictures import deep_grey, encoded, scene
from tests.unit.images.sampled_jpeg import sampled_jpeg

WIDTH, HEIGHT, SMALL = 1_600, 1_200, (48, 36)
ROOT = Path(__file__).resolve().parents[3]
Maker = Callable[[int, int], bytes]


def translucent(width: int, height: int) -> Image.Image:
    image = scene(width, height).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


def of_few_colours(width: int, height: int) -> Image.Image:
    return scene(width, height).quantize(16, method=Image.Quantize.FASTOCTREE)  # the usual way takes seconds for it


def plain_png(width: int, height: int, *, bits: int, kind: int, channels: int, interlaced: bool = False) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        (b"\0" + bytes((-(-(width - x) // across) * bits * channels + 7) // 8)) * -(-(height - y) // down)
        for x, y, across, down in passes
    )
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def run_length_bitmap(width: int, height: int) -> bytes:
    row = b"".join(bytes([min(255, width - x), 7]) for x in range(0, width, 255)) + b"\0\0"
    body = row * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 1, 1, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1_078 + len(body), 0, 0, 1_078) + header + bytes(1_024) + body


KINDS: dict[str, Maker] = {
    "jpeg": lambda w, h: encoded(scene(w, h), "JPEG"),
    "jpeg-progressive": lambda w, h: encoded(scene(w, h), "JPEG", progressive=True),
    "jpeg-progressive-444": lambda w, h: encoded(scene(w, h), "JPEG", progressive=True, subsampling=0),
    "jpeg-cmyk": lambda w, h: encoded(scene(w, h).convert("CMYK"), "JPEG"),
    "jpeg-unusual-sampling": lambda w, h: sampled_jpeg(w, h, [(3, 1), (1, 1), (1, 1)]),
    "png": lambda w, h: encoded(scene(w, h), "PNG", compress_level=1),
    "png-alpha": lambda w, h: encoded(translucent(w, h), "PNG", compress_level=1),
    "png-1": lambda w, h: encoded(scene(w, h).convert("1"), "PNG"),
    "png-palette": lambda w, h: encoded(of_few_colours(w, h), "PNG"),
    "png-grey-16": lambda w, h: encoded(deep_grey(w, h), "PNG"),
    "png-rgb-16": lambda w, h: plain_png(w, h, bits=16, kind=2, channels=3),
    "png-interlaced": lambda w, h: plain_png(w, h, bits=8, kind=2, channels=3, interlaced=True),
    "webp": lambda w, h: encoded(scene(w, h), "WEBP", method=0),
    "webp-lossless": lambda w, h: encoded(translucent(w, h), "WEBP", lossless=True, method=0, quality=0),
    "gif": lambda w, h: encoded(of_few_colours(w, h), "GIF"),
    "bmp": lambda w, h: encoded(scene(w, h), "BMP"),
    "bmp-palette": lambda w, h: encoded(of_few_colours(w, h), "BMP"),
    "bmp-run-lengths": run_length_bitmap,
    "avif": lambda w, h: encoded(scene(w, h), "AVIF", speed=10),
    "avif-alpha": lambda w, h: encoded(translucent(w, h), "AVIF", speed=10),
    "tiff-g3": lambda w, h: encoded(scene(w, h).convert("1"), "TIFF", compression="group3"),
    "tiff-g4": lambda w, h: encoded(scene(w, h).convert("1"), "TIFF", compression="group4"),
    "tiff-g4-one-strip": lambda w, h: encoded(
        scene(w, h).convert("1"), "TIFF", compression="group4", tiffinfo={278: h}
    ),
    "tiff-lzw": lambda w, h: encoded(scene(w, h), "TIFF", compression="tiff_lzw"),
    "tiff-lzw-one-strip": lambda w, h: encoded(scene(w, h), "TIFF", compression="tiff_lzw", tiffinfo={278: h}),
    "tiff-jpeg": lambda w, h: encoded(scene(w, h), "TIFF", compression="jpeg"),
    "tiff-16": lambda w, h: encoded(deep_grey(w, h), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-float": lambda w, h: encoded(scene(w, h).convert("F"), "TIFF"),
    "tiff-plain": lambda w, h: encoded(scene(w, h), "TIFF"),
    "tiff-turned": lambda w, h: encoded(scene(w, h), "TIFF", tiffinfo={274: 6}),
    "tiff-pages": lambda w, h: encoded(
        scene(w, h).convert("1"), "TIFF", compression="group4", save_all=True, append_images=[Image.new("1", (w, h))]
    ),
    "panorama": lambda w, h: encoded(scene(w * 4, h // 4), "PNG", compress_level=1),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="only Linux tells the peak of a moment")
@pytest.mark.parametrize("name", KINDS)
def test_the_estimate_is_what_is_needed_and_not_much_more(name: str, tmp_path: Path) -> None:
    make = KINDS[name]
    (tmp_path / "small").write_bytes(make(*SMALL))
    (tmp_path / "large").write_bytes(make(WIDTH, HEIGHT))

    for min_side in (224, 0):
        peak_bytes, estimate_bytes = measured(tmp_path, min_side)
        assert estimate_bytes >= peak_bytes - 500_000, (min_side, peak_bytes)
        assert estimate_bytes <= 2 * peak_bytes + 4_000_000, (min_side, peak_bytes)


def measured(folder: Path, min_side: int) -> tuple[int, int]:
    program = [sys.executable, "-m", "tests.unit.images.measured_decode"]
    arguments = [str(folder / "small"), str(folder / "large"), str(min_side)]
    outcome = subprocess.run([*program, *arguments], cwd=ROOT, capture_output=True, check=True, timeout=60)
    peak_bytes, estimate_bytes = json.loads(outcome.stdout)
    return peak_bytes, estimate_bytes


def page(dots_an_inch: int, *, lines: int) -> Image.Image:
    """A sheet of A4 with lines of something like text."""
    width, height = round(8.27 * dots_an_inch), round(11.69 * dots_an_inch)
    image = Image.new("1", (width, height), 1)
    for line in range(lines):
        top = height // 10 + line * height // 60
        for word in range(12):
            left = width // 10 + word * width // 15
            image.paste(0, (left, top, left + width // 20, top + height // 200))
    return image


@pytest.mark.parametrize("lines", [0, 40], ids=["blank", "text"])
@pytest.mark.parametrize("dots_an_inch", [600, 1_200])
@pytest.mark.parametrize("compression", ["group4", "tiff_lzw"])
def test_a_scanned_page_is_no_bomb(compression: str, dots_an_inch: int, lines: int) -> None:
    data = encoded(page(dots_an_inch, lines=lines), "TIFF", compression=compression)

    assert min(decode(data).pixels.shape[:2]) >= 224


def test_a_page_as_png_gif_or_bitmap_is_no_bomb_either() -> None:
    sheet = page(600, lines=30)

    for data in (encoded(sheet, "PNG"), encoded(sheet, "GIF"), encoded(sheet, "BMP")):
        assert min(decode(data).pixels.shape[:2]) >= 224


def test_a_refusal_says_how_the_limit_is_raised() -> None:
    data = encoded(scene(300, 200), "PNG")
    told = {
        "max_pixels": ImageLimits(max_pixels=59_999),
        "max_side": ImageLimits(max_side=299),
        "max_bytes": ImageLimits(max_bytes=len(data) - 1),
        "max_decode_bytes": ImageLimits(max_decode_bytes=100_000),
        "max_expansion": ImageLimits(trusted_decode_bytes=0, max_expansion=1),
    }

    for name, limits in told.items():
        with pytest.raises(ImageRefused, match=name):
            decode(data, limits=limits)
