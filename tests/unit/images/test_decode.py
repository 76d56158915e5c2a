"""Every format and mode against Pillow's own reading, turned and scaled."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.core.errors import ImageRefused
from lookalike.core.vectors import Pixels
from lookalike.images.decode import decode
from tests.unit.images.pictures import animation, deep_grey, encoded, every_kind, scene, translucent

KINDS = every_kind()
DEEP = {"png-16", "tiff-16"}


def heic(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    target = io.BytesIO()
    pillow_heif.from_pillow(image).save(target, format="HEIF", quality=90, **options)
    return target.getvalue()


def oracle(data: bytes) -> Pixels:
    """What Pillow makes of it: upright, on white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - DEEP))
def test_every_kind_is_decoded_as_pillow_does(kind: str) -> None:
    decoded = decode(KINDS[kind], min_side=None)

    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.flags["C_CONTIGUOUS"]
    assert (decoded.height, decoded.width, 3) == decoded.pixels.shape == (32, 48, 3)
    difference = np.abs(decoded.pixels.astype(int) - oracle(KINDS[kind]))
    assert difference.max() <= 1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_format_is_told_by_the_content(kind: str) -> None:
    expected = next(name for name in ("jpeg-tiff", "tiff", "jpeg", "png", "webp", "gif", "bmp", "avif") if name in kind)
    assert decode(KINDS[kind]).format == expected.removeprefix("jpeg-")


@pytest.mark.parametrize("kind", sorted(DEEP))
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    expected = np.rint(np.asarray(deep_grey()) / 257).astype(np.uint8)

    pixels = decode(KINDS[kind], min_side=None).pixels

    assert pixels[0, 0, 0] == 0
    assert pixels[-1, -1, 0] == 255
    np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], 3, axis=2))


def test_heic_is_decoded() -> None:
    decoded = decode(heic(scene()), min_side=None)

    assert decoded.format == "heic"
    assert np.abs(decoded.pixels.astype(int) - np.asarray(scene())).mean() < 6


def test_heic_without_its_library_is_refused_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(scene())
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)

    with pytest.raises(ImageRefused, match=r"pip install .*\[heic\]'") as refused:
        decode(data)

    assert refused.value.code == "needs_extra"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_exactly_once(name: str, orientation: int) -> None:
    stored = scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = heic(stored, exif=exif.tobytes()) if name == "HEIC" else encoded(stored, name, exif=exif)
    tagged = stored.copy()
    tagged.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(tagged)

    decoded = decode(data, min_side=None)

    assert (decoded.width, decoded.height) == upright.size
    assert np.abs(decoded.pixels.astype(int) - np.asarray(upright)).mean() < 8


def test_only_the_first_frame_of_an_animation_counts() -> None:
    first = np.asarray(scene(seed=0)).astype(int)
    for name in ("PNG", "WEBP", "GIF"):
        assert np.abs(decode(animation(name), min_side=None).pixels - first).mean() < 12, name


def test_inverted_inks_of_adobe_are_understood() -> None:
    bright = Image.new("RGB", (64, 64), (230, 200, 180))

    decoded = decode(encoded(bright.convert("CMYK"), "JPEG", quality=95), min_side=None)

    assert np.abs(decoded.pixels.astype(int) - (230, 200, 180)).max() <= 6


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    for data in (encoded(clear, "PNG"), encoded(clear, "WEBP", lossless=True), encoded(clear, "TIFF")):
        assert (decode(data).pixels == 255).all()


@pytest.mark.parametrize(
    ("name", "size", "min_side", "expected"),
    [
        ("JPEG", (1000, 890), 224, (445, 500)),
        ("JPEG", (448, 448), 224, (224, 224)),
        ("JPEG", (447, 900), 224, (900, 447)),
        ("JPEG", (1801, 1793), 224, (225, 226)),
        ("JPEG", (900, 100), 224, (100, 900)),
        ("PNG", (1000, 900), 224, (225, 250)),
        ("PNG", (671, 672), 224, (336, 336)),
        ("PNG", (900, 100), 224, (100, 900)),
        ("WEBP", (700, 680), 224, (227, 234)),
        ("PNG", (60, 40), None, (40, 60)),
    ],
)
def test_a_picture_is_shrunk_as_far_as_both_sides_allow(
    name: str, size: tuple[int, int], min_side: int | None, expected: tuple[int, int]
) -> None:
    decoded = decode(encoded(scene(*size), name), min_side=min_side)

    assert decoded.pixels.shape[:2] == expected
    assert (decoded.width, decoded.height) == size


def test_a_shrunk_picture_is_the_same_picture() -> None:
    image = scene(960, 640)
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        pixels = decode(encoded(image, name), min_side=100).pixels
        expected = np.asarray(image.resize(pixels.shape[1::-1], Image.Resampling.BOX)).astype(int)
        assert np.abs(pixels - expected).mean() < 4, name


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (30_000, 1), (1, 30_000)])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "TIFF", "GIF"])
def test_tiny_and_thin_pictures_are_accepted(name: str, size: tuple[int, int]) -> None:
    decoded = decode(encoded(Image.new("RGB", size, "red"), name))

    assert decoded.pixels.shape == (size[1], size[0], 3)


def test_scaled_jpegs_of_inks_and_in_passes_obey_the_same_rule() -> None:
    image = scene(960, 900)
    for data in (encoded(image.convert("CMYK"), "JPEG"), encoded(image, "JPEG", progressive=True)):
        assert decode(data, min_side=224).pixels.shape == (225, 240, 3)


def test_many_threads_decode_the_same_as_one() -> None:
    jobs = list(KINDS.values()) * 4
    expected = [decode(data).pixels for data in jobs]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda data: decode(data).pixels, jobs))

    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_alpha_counts_while_boxes_of_pixels_are_averaged() -> None:
    image = Image.new("RGBA", (400, 400), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 400, 200))

    pixels = decode(encoded(image, "PNG"), min_side=100).pixels

    assert (pixels[0, 0] == 255).all()
    assert (pixels[-1, -1] == (255, 0, 0)).all()


def test_translucent_pictures_shrink_like_their_flat_copies() -> None:
    image = translucent().resize((480, 320))
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")

    shrunk = decode(encoded(image, "PNG"), min_side=80).pixels.astype(int)

    assert np.abs(shrunk - np.asarray(flat.reduce(4))).max() <= 2
