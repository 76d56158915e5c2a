"""Arrays and Pillow images that users give, and what is written from pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.core.errors import BadInput
from lookalike.images.arrays import from_array, from_pil
from lookalike.images.decode import decode
from lookalike.images.encode import png_bytes, thumbnail_jpeg
from tests.unit.images.pictures import deep_grey, encoded, scene, translucent

H, W = 4, 6


def test_rgb_bytes_are_taken_as_they_are() -> None:
    pixels = np.asarray(scene(W, H))

    assert from_array(pixels) is not None
    np.testing.assert_array_equal(from_array(pixels), pixels)
    np.testing.assert_array_equal(from_array(pixels[::-1, ::2]), pixels[::-1, ::2])
    assert from_array(pixels[::-1, ::2]).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    "array",
    [
        np.full((H, W), 51, np.uint8),
        np.full((H, W, 1), 51, np.uint8),
        np.full((H, W, 3), 51, np.int64),
        np.full((H, W), 51 * 257, np.uint16),
        np.full((H, W, 3), 0.2, np.float64),
        np.full((H, W, 1), 0.2, np.float16),
        np.full((H, W, 1), 0.2, np.float32).tolist(),
    ],
    ids=["grey", "grey channel", "integers", "16 bits", "floats", "half floats", "lists"],
)
def test_other_kinds_of_numbers_are_scaled(array: object) -> None:
    pixels = from_array(array)  # type: ignore[arg-type]  # anything that NumPy understands

    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.full((H, W, 3), 51))


def test_masks_become_black_and_white() -> None:
    assert from_array(np.eye(3, dtype=bool))[:, :, 1].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_a_fourth_channel_is_laid_on_white() -> None:
    rgba = np.zeros((H, W, 4), np.uint8)
    rgba[0, :, 3] = 255

    pixels = from_array(rgba)

    assert (pixels[0] == 0).all()
    assert (pixels[1:] == 255).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, H, W)), "channels last"),
        (np.zeros(5), r"expected a picture of shape"),
        (np.zeros((H, W, 2)), r"got \(4, 6, 2\)"),
        (np.zeros((0, W, 3)), "at least one pixel"),
        (np.full((H, W, 1), 255.0), "from 0 to 1"),
        (np.full((H, W, 3), np.nan), "got nan"),
        (np.full((H, W, 3), -1), "from 0 to 255"),
        (np.full((H, W, 1), 256), "from 0 to 255"),
        (np.full((H, W), 0.5), "could as well be vectors"),
        (np.full((H, W), 7), "could as well be vectors"),
        (np.full((H, W, 1), "x"), "array of numbers"),
        (np.zeros((H, W, 3), complex), "array of numbers"),
    ],
)
def test_what_is_no_picture_is_told(array: np.ndarray, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_array(array)


def test_pillow_images_of_every_mode_are_taken() -> None:
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "LA"):
        assert from_pil(scene(W, H).convert(mode)).shape == (H, W, 3), mode
    assert from_pil(deep_grey(W, H))[-1, -1].tolist() == [255] * 3
    assert (from_pil(Image.new("RGBA", (W, H))) == 255).all()
    assert from_pil(translucent()).flags["C_CONTIGUOUS"]


def test_pillow_images_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encoded(scene(W, H), "PNG", exif=exif)))

    np.testing.assert_array_equal(from_pil(image), np.asarray(ImageOps.exif_transpose(image)))


def test_broken_pillow_images_are_told() -> None:
    broken = Image.open(io.BytesIO(encoded(scene(), "PNG")[:300]))

    with pytest.raises(BadInput, match="cannot be read"):
        from_pil(broken)
    with pytest.raises(BadInput, match="at least one pixel"):
        from_pil(Image.new("RGB", (0, 3)))


def test_a_png_keeps_every_pixel() -> None:
    pixels = np.asarray(scene())

    np.testing.assert_array_equal(decode(png_bytes(pixels), min_side=None).pixels, pixels)
    assert png_bytes(pixels) == png_bytes(pixels.copy())


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 320), (100, 67)), ((320, 480), (67, 100)), ((50, 20), (50, 20)), ((3000, 1), (100, 1))],
)
def test_a_thumbnail_keeps_proportions_and_never_grows(size: tuple[int, int], expected: tuple[int, int]) -> None:
    thumbnail = decode(thumbnail_jpeg(np.asarray(scene(*size)), side=100, quality=90), min_side=None)

    assert (thumbnail.width, thumbnail.height) == expected
    assert thumbnail.format == "jpeg"


def test_a_thumbnail_without_sides_or_quality_is_told() -> None:
    with pytest.raises(BadInput, match="side of at least 1"):
        thumbnail_jpeg(np.asarray(scene()), side=0)
    with pytest.raises(BadInput, match="quality of 1 to 95"):
        thumbnail_jpeg(np.asarray(scene()), quality=0)
