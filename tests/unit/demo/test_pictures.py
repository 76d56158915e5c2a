"""The demo's own pictures: the right number, readable, repeatable, altered as they say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import BadInput, StorageFailed
from lookalike.demo.brush import Canvas
from lookalike.demo.families import FAMILIES
from lookalike.demo.pictures import MadePicture, Variant, make_pictures


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[MadePicture]:
    return make_pictures(tmp_path_factory.mktemp("pictures"), count=50)


def test_as_many_files_are_written_as_were_asked_for(made: list[MadePicture]) -> None:
    assert len(made) == 50
    assert len({picture.path for picture in made}) == 50
    assert all(picture.path.is_file() for picture in made)


def test_every_family_is_there(made: list[MadePicture]) -> None:
    assert {picture.family for picture in made} == set(FAMILIES)
    assert len(FAMILIES) >= 20


def test_every_variant_is_there_and_names_an_original(made: list[MadePicture]) -> None:
    originals = {picture.path for picture in made if picture.variant is Variant.ORIGINAL}
    assert set(Counter(picture.variant for picture in made)) == set(Variant)
    for picture in made:
        assert (picture.of is None) == (picture.variant is Variant.ORIGINAL)
        assert picture.of is None or picture.of in originals


def test_pictures_open_with_sides_of_320_to_640_pixels(made: list[MadePicture]) -> None:
    for picture in made:
        if picture.variant in (Variant.ORIGINAL, Variant.COPY, Variant.ROTATION, Variant.SCREENSHOT):
            with Image.open(picture.path) as opened:
                opened.load()
                assert 320 <= min(opened.size) <= max(opened.size) <= 640


def test_a_copy_has_the_bytes_of_its_original(made: list[MadePicture]) -> None:
    for copy in (picture for picture in made if picture.variant is Variant.COPY):
        assert copy.of is not None
        assert copy.path.read_bytes() == copy.of.read_bytes()


def test_the_broken_file_is_a_picture_cut_short_and_says_so_in_its_name(made: list[MadePicture]) -> None:
    [broken] = [picture for picture in made if picture.variant is Variant.BROKEN]
    assert "on purpose" in broken.path.name
    with Image.open(broken.path) as opened, pytest.raises(OSError, match="truncated"):
        opened.load()


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    first, again = make_pictures(tmp_path / "a", count=6, seed=3), make_pictures(tmp_path / "b", count=6, seed=3)
    other = make_pictures(tmp_path / "c", count=6, seed=4)
    content = [[picture.path.read_bytes() for picture in pictures] for pictures in (first, again, other)]
    assert content[0] == content[1]
    assert not set(content[0]) & set(content[2])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_paints_any_shape_of_canvas_differently_for_each_seed(family: str) -> None:
    for width, height in ((72, 48), (48, 72)):
        pictures = []
        for seed in (1, 2):
            canvas, rng = Canvas(width, height), np.random.default_rng(seed)
            FAMILIES[family](canvas, rng)
            pictures.append(np.asarray(canvas.photograph(rng)))
        assert pictures[0].shape == (height, width, 3)
        assert pictures[0].std() > 5
        assert (pictures[0] != pictures[1]).any()


def test_a_count_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        make_pictures(tmp_path, count=0)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="could not write"):
        make_pictures(tmp_path / "taken", count=1)
