"""Whatever is given back or raised can be pickled and copied, so that it crosses to other processes."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike.core import errors
from lookalike.core.errors import ImageRefused, LookalikeError, WouldOverwrite
from tests.collections import album, new_collection, picture

COPIES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]


def raised() -> list[LookalikeError]:
    """One of each error, with all that it can be given."""
    made = []
    for error in vars(errors).values():
        if not (isinstance(error, type) and issubclass(error, LookalikeError)):
            continue
        for options in ({"extra": "gpu", "purpose": "p"}, {"code": "c"}, {"retry_after_s": 7.5}, {}):
            try:
                made.append(error("what", **options))
            except TypeError:
                continue
            break
    return made


def refused(n: int) -> None:
    raise ImageRefused(f"picture {n}", code="truncated")


@pytest.mark.parametrize("error", raised(), ids=lambda error: type(error).__name__)
def test_every_error_keeps_its_words_and_facts(error: LookalikeError) -> None:
    for made in COPIES:
        one = made(error)
        assert (type(one), str(one), vars(one), one.code) == (type(error), str(error), vars(error), error.code)


def test_an_error_comes_back_from_another_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(ImageRefused, match="picture 3") as caught:
        pool.apply(refused, (3,))
    assert caught.value.code == "truncated"


def test_a_result_is_equal_to_its_copy_which_still_shows_its_pictures(tmp_path: Path) -> None:
    paths = album(tmp_path / "photos", 3)
    with new_collection() as photos:
        photos.index(tmp_path / "photos")
        added = photos.add(picture(9), metadata={"label": ["a", 1]})
        result = photos.search(paths[0], k=4)
        gone = photos.search(picture(9), k=1)
    assert gone[0].id == added
    for made in COPIES:
        one = made(result)
        assert one == result
        assert hash(one) == hash(result)
        assert one != gone
        assert list(one) == list(result)
        assert json.dumps(one.to_dict()) == json.dumps(result.to_dict())
        assert (one.picture() == result.picture()).mean() > 0.7  # but for the one without a file
        assert "data:image" in one._repr_html_()
        assert made(gone)._repr_html_()
    with pytest.raises(WouldOverwrite):
        pickle.loads(pickle.dumps(result)).sheet(_as_jpg(paths[0], result))


def _as_jpg(path: Path, result: Any) -> Path:
    """A name by which a contact sheet could be written over a picture of the result."""
    link = path.with_suffix(".jpg")
    link.symlink_to(path)
    return link


def test_neighbours_and_records_are_copied_whole(tmp_path: Path) -> None:
    album(tmp_path, 2)
    found = lookalike.knn(np.eye(3), np.eye(3), 2, metric="l2")
    with new_collection() as photos:
        report = photos.index(tmp_path)
        result = photos.search(picture(0))
        plain = [report, photos.info(), photos.get(result[0].id), result[0], result.reply, result.index]
    for made in COPIES:
        one = made(found)
        np.testing.assert_array_equal(one.rows, found.rows)
        np.testing.assert_array_equal(one.values, found.values)
        assert (one.metric, one.notes, repr(one)) == (found.metric, found.notes, repr(found))
        assert [made(each) for each in plain] == plain
    assert repr(found) == "<KnnResult of 3 queries: 2 neighbours each by l2 on cpu>"


def test_no_number_of_numpys_gets_into_a_result(tmp_path: Path) -> None:
    album(tmp_path, 3)
    with new_collection() as photos:
        photos.index(tmp_path)
        results = [photos.search(picture(0), k=np.int64(2)), *photos.search(photos.embed(picture(1), picture(2)), k=2)]  # type: ignore[arg-type]

    def check(value: Any) -> None:
        assert isinstance(value, str | int | float | None | dict | list | tuple), type(value)
        assert not isinstance(value, np.generic)  # of which some are floats, too
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            check(each)

    for result in results:
        check(result.to_dict())
        json.dumps(result.to_dict())
