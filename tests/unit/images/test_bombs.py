"""Small files that claim to be enormous are refused by their header, before memory is taken."""

from __future__ import annotations

import resource
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import decode
from lookalike.images.limits import ImageLimits
from tests.unit.images.pictures import encoded, scene

BOMB_CODES = {"too_many_pixels", "too_costly", "truncated"}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(width: int, height: int, *, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


def riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def webp_canvas(width: int, height: int, *, animated: bool) -> bytes:
    small = encoded(scene(), "WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes([2 * animated, 0, 0, 0]) + three(width - 1) + three(height - 1)
    if not animated:
        return riff(canvas + small)
    frame = three(0) * 2 + three(47) + three(31) + three(100) + b"\x00" + small
    return riff(canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", len(frame)) + frame)


def patched(data: bytes, at: int, field: bytes) -> bytes:
    return data[:at] + field + data[at + len(field) :]


def jpeg_bomb(side: int, *, progressive: bool) -> bytes:
    data = encoded(Image.new("RGB", (16, 16)), "JPEG", progressive=progressive)
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    return patched(data, at + 5, struct.pack(">HH", side, side))


def bmp_bomb(width: int, height: int) -> bytes:
    """Run-length coded, so that no length gives it away."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 4, 1, 1, 0, 0)
    return b"BM" + struct.pack("<IHHI", 2_000, 0, 0, 14 + 40 + 1024) + header + bytes(1024) + b"\x00\x01"


def tiff_bomb(width: int, height: int, *, tile: int = 0) -> bytes:
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 5),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, 4),
    ]
    tags += [(322, 4, tile), (323, 4, tile)] if tile else []
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\x00" + struct.pack("<IIH", 12, 0, len(tags)) + entries + bytes(4)


def avif_bomb(width: int, height: int) -> bytes:
    data = encoded(scene(), "AVIF")
    return patched(data, data.index(b"ispe") + 8, struct.pack(">II", width, height))


def avif_with_a_picture_larger_than_its_boxes_say() -> bytes:
    data = encoded(Image.new("RGB", (6_000, 4_000)), "AVIF", speed=10)
    return data.replace(struct.pack(">II", 6_000, 4_000), struct.pack(">II", 200, 150))


def gif_with_frame_beyond_its_screen() -> bytes:
    data = encoded(Image.new("P", (8, 8)), "GIF")
    at = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return patched(data, at + 1, struct.pack("<HHHH", 60_000, 60_000, 5_000, 5_000))


BOMBS = {
    "png": png_bomb(60_000, 60_000),
    "png within the pixel limit": png_bomb(10_000, 8_000),
    "png with compressed text": png_bomb(
        20_000, 9_000, extra=chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(9_000_000)))
    ),
    "apng": png_bomb(50_000, 50_000, extra=chunk(b"acTL", struct.pack(">II", 2, 0))),
    "gif screen": patched(encoded(Image.new("P", (8, 8)), "GIF"), 6, struct.pack("<HH", 65_535, 65_535)),
    "gif frame": gif_with_frame_beyond_its_screen(),
    "webp lossy": patched(encoded(scene(), "WEBP"), 26, struct.pack("<HH", 16_383, 16_383)),
    "webp lossless": encoded(Image.new("RGB", (9_000, 2_000)), "WEBP", lossless=True, method=0),
    "webp canvas": webp_canvas(16_384, 16_384, animated=False),
    "webp animated canvas": webp_canvas(12_000, 12_000, animated=True),
    "bmp": bmp_bomb(60_000, 60_000),
    "bmp within the pixel limit": bmp_bomb(14_000, 14_000),
    "tiff": tiff_bomb(1_000_000, 1_000_000),
    "tiff within the pixel limit": tiff_bomb(14_000, 14_000),
    "tiff tile": tiff_bomb(100, 100, tile=200_000),
    "avif": avif_bomb(60_000, 60_000),
    "avif within the pixel limit": avif_bomb(14_000, 14_000),
    "avif stream": avif_with_a_picture_larger_than_its_boxes_say(),
    "jpeg": jpeg_bomb(65_000, progressive=False),
    "jpeg progressive": jpeg_bomb(14_000, progressive=True),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_memory_is_taken(name: str) -> None:
    decode(encoded(scene(), "PNG"))  # what is loaded once is loaded before
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()

    with pytest.raises(ImageRefused) as refused:
        decode(BOMBS[name])

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.code in BOMB_CODES
    assert peak_bytes < 4_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before < 30_000  # kB


@pytest.mark.parametrize(
    "data",
    [
        png_bomb(0, 5),
        patched(encoded(Image.new("P", (8, 8)), "GIF"), 6, b"\x00" * 4)[:40],
        jpeg_bomb(0, progressive=False),
        bmp_bomb(0, 7),
        tiff_bomb(0, 0),
        avif_bomb(0, 9),
    ],
    ids=["png", "gif", "jpeg", "bmp", "tiff", "avif"],
)
def test_a_picture_without_pixels_is_refused(data: bytes) -> None:
    with pytest.raises(ImageRefused) as refused:
        decode(data)

    assert refused.value.code in {"zero_size", "truncated"}


def test_a_jpeg_of_very_many_passes_is_refused() -> None:
    data = encoded(scene(2_000, 1_500), "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    many = data[:scan] + data[scan : scan + 40] * 1_200 + data[scan:]

    with pytest.raises(ImageRefused) as refused:
        decode(many)

    assert refused.value.code == "too_costly"


def test_limits_can_be_raised_and_lowered() -> None:
    data = encoded(scene(300, 200), "PNG")

    assert decode(data, limits=ImageLimits(max_pixels=60_000)).width == 300
    for limits, code in (
        (ImageLimits(max_pixels=59_999), "too_many_pixels"),
        (ImageLimits(max_side=299), "too_many_pixels"),
        (ImageLimits(max_bytes=len(data) - 1), "too_large"),
        (ImageLimits(max_decode_bytes=100_000), "too_costly"),
        (ImageLimits(trusted_decode_bytes=0, max_expansion=1), "too_costly"),
    ):
        with pytest.raises(ImageRefused) as refused:
            decode(data, limits=limits)
        assert refused.value.code == code


def test_a_large_honest_picture_passes() -> None:
    photo = encoded(scene(4_000, 3_000), "JPEG")

    assert decode(photo).pixels.shape == (375, 500, 3)
