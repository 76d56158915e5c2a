"""Pictures in every form that Python users hold them in become the same pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import BadInput, ImageRefused
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.images.pictures import bytes_of_picture, pixels_of_picture
from tests.collections import picture, png


def pixels(given: Any) -> Any:
    return pixels_of_picture(given, min_side=None, limits=DEFAULT_LIMITS)


def test_every_form_gives_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1))
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = np.asarray(picture(1))

    for given in (path, str(path), "~/a.png", png(1), bytearray(png(1)), memoryview(png(1)), picture(1), expected):
        np.testing.assert_array_equal(pixels(given), expected)


def test_bytes_stay_what_they_are_and_pixels_become_a_png_of_the_same_pixels(tmp_path: Path) -> None:
    assert bytes_of_picture(png(1), limits=DEFAULT_LIMITS) == png(1)
    for given in (picture(1), np.asarray(picture(1))):
        data = bytes_of_picture(given, limits=DEFAULT_LIMITS)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(picture(1)))
        assert data == bytes_of_picture(given, limits=DEFAULT_LIMITS)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(png(1)[:40])

    with pytest.raises(ImageRefused, match=r"broken\.png: ") as refused:
        pixels(path)
    assert refused.value.code == "truncated"
    with pytest.raises(ImageRefused, match=r"nothing\.png: the file is not there") as refused:
        pixels(tmp_path / "nothing.png")
    assert refused.value.code == "vanished"


@pytest.mark.parametrize("given", [None, 5, [[1]], np.zeros(5), np.zeros((2, 2, 7), np.uint8), np.zeros((0, 3, 3))])
def test_what_is_no_picture_is_refused(given: Any) -> None:
    with pytest.raises(BadInput, match="expected"):
        pixels(given)
