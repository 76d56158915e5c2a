"""The part of a picture is read as people write it, and cut from its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.core.errors import BadQuery
from lookalike.images.crop import Crop


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        ("10,20,300,200", Crop(10, 20, 300, 200, relative=False)),
        (" 0 , 0 , 1 , 1 ", Crop(0, 0, 1, 1, relative=False)),
        ("0.1,0,0.5,1.0", Crop(0.1, 0, 0.5, 1, relative=True)),
        ("0,0,1.,1", Crop(0, 0, 1, 1, relative=True)),
        (".5,.5,.5,.5", Crop(0.5, 0.5, 0.5, 0.5, relative=True)),
        ("0.7,0.9,0.3,0.1", Crop(0.7, 0.9, 0.3, 0.1, relative=True)),
    ],
)
def test_a_crop_is_read(text: str, crop: Crop) -> None:
    assert Crop.parse(text) == crop


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "nan,0,1,1",
        "inf,0,1,1",
        "1e2,0,1,1",
        "1_0,0,1,1",
        "٣,0,1,1",
        "-1,0,5,5",
        "0,-0.1,0.5,0.5",
        "0,0,0,5",
        "0,0,5,-5",
        "0.5,0,0.6,1",
        "0.5,0.5,2,2",
        "9" * 400 + ",0,1,1",
        "0,0,1,1" * 10_000,
    ],
)
def test_what_is_no_crop_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="expected") as refused:
        Crop.parse(text)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("numbers", [(-1, 0, 2, 2), (0, 0, 0, 1), (0, 0, float("nan"), 1), (0, float("inf"), 1, 1)])
def test_a_crop_made_by_hand_is_checked_too(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadQuery, match="expected a crop"):
        Crop(*numbers, relative=False)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0,0,100,50", (0, 0, 100, 50)),
        ("90,40,100,100", (90, 40, 100, 50)),
        ("0.0,0,1,1", (0, 0, 100, 50)),
        ("0.1,0.2,0.2,0.1", (10, 10, 30, 15)),
        ("0.999,0.999,0.001,0.001", (99, 49, 100, 50)),
        (f"0,0,{10**300},{10**300}", (0, 0, 100, 50)),
    ],
)
def test_the_box_of_a_crop_is_cut_at_the_edges(text: str, box: tuple[int, int, int, int]) -> None:
    assert Crop.parse(text).box(width=100, height=50) == box


@pytest.mark.parametrize("text", ["100,0,5,5", "0,50,5,5", f"{10**300},0,{10**308},1"])
def test_a_crop_outside_of_the_picture_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="inside of the picture, which is 100 x 50"):
        Crop.parse(text).box(width=100, height=50)


def test_a_cut_is_a_copy_of_the_part() -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)

    part = Crop.parse("1,2,3,2").cut(pixels)

    np.testing.assert_array_equal(part, pixels[2:4, 1:4])
    assert part.flags.c_contiguous
    assert not np.shares_memory(part, pixels)
    whole = Crop.parse("0,0,6,4").cut(pixels)
    assert not np.shares_memory(whole, pixels)
