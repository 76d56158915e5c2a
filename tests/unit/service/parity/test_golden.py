"""The golden set: what the server can read, and every form that is difficult."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.images.decode import decode
from lookalike.service.parity.golden import FORMS, LEAST, by_form, draw_files, files_below, golden_set


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw_files(tmp_path_factory.mktemp("drawn"), count=30)


def test_each_form_is_there_once_and_can_be_read(files: list[Path]) -> None:
    pictures = golden_set(files)

    forms = {form: places for form, places in by_form(pictures) if form != "as it is"}
    assert forms.keys() == FORMS.keys()
    assert {len(places) for places in forms.values()} == {1}
    assert all(decode(picture.content).pixels.size for picture in pictures)


@pytest.mark.parametrize("turn", [3, 5, 6, 8])
def test_a_picture_turned_by_exif_is_stored_as_it_was(turn: int) -> None:
    image = Image.fromarray(np.full((40, 60, 3), 128, np.uint8))

    upright = decode(FORMS[f"EXIF turn {turn}"](image))

    assert (upright.width, upright.height) == ((60, 40) if turn == 3 else (40, 60))


def test_what_cannot_be_read_is_left_out(files: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 and no more")

    assert golden_set([*files, broken]) == golden_set(files)


def test_too_few_pictures_are_refused(files: list[Path]) -> None:
    with pytest.raises(BadInput, match=f"{LEAST} or more"):
        golden_set(files[: LEAST - 1])


def test_files_come_evenly_from_a_folder(files: list[Path]) -> None:
    folder = Path(files[0]).parents[1]

    some = files_below(folder, count=5)

    assert len(set(some)) == 5
    assert len({path.parent for path in some}) > 1


def test_an_empty_folder_gives_none(tmp_path: Path) -> None:
    assert files_below(tmp_path, count=5) == []
