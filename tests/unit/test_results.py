"""A result is a sequence that shows itself, and no name of a file can harm who looks at it."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.collection import Collection
from lookalike.core.errors import BadInput, MissingExtra, StorageFailed, WouldOverwrite
from lookalike.presentation.contact_sheet.card import GONE
from lookalike.results import SearchResult
from tests.collections import album, new_collection, png, write

HOSTILE = ["<script>alert(1)<", "a\"onerror='x'&amp;.png", "two\nlines.png", os.fsdecode(b"\xff.png"), "🐱 ü.png"]


@pytest.fixture
def collection() -> Collection:
    return new_collection()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def result(collection: Collection, photos: Path) -> SearchResult:
    album(photos, 4)
    collection.index(photos)
    return collection.search(photos / "2.png", k=3)


def named(collection: Collection, photos: Path, names: list[str]) -> SearchResult:
    for n, name in enumerate(names):
        collection.add(write(photos / name, n))
    return collection.search(png(0))


def test_it_is_a_sequence_of_hits_with_an_account(result: SearchResult, collection: Collection) -> None:
    assert len(result) == 3
    assert list(result) == [result[0], result[1], result[2]] == list(result[:5])
    assert result[-1].rank == 3
    assert (result.exact, result.scanned, result.total_matching, result.plan) == (True, 4, 4, "exact")
    assert result.model == collection.info().model
    assert result.index.count == 4
    assert "total" in result.timings_ms
    assert repr(result).startswith("<SearchResult of '2.png': 3 hits, exact, first ")


def test_a_result_without_hits_shows_that(collection: Collection, tmp_path: Path) -> None:
    result = collection.search(png(1))

    assert len(result) == 0
    assert repr(result) == "<SearchResult of 'the picture given': 0 hits, exact>"
    assert "nothing found" in result._repr_html_()
    assert result.sheet(tmp_path / "a.jpg").stat().st_size > 0


def test_as_plain_data_it_is_json_with_the_names_of_the_reply(collection: Collection, photos: Path) -> None:
    result = named(collection, photos, HOSTILE[1:])

    told = json.loads(json.dumps(result.to_dict()))

    assert set(told) == {
        "hits",
        "plan",
        "exact",
        "scanned",
        "total_matching",
        "timings_ms",
        "model",
        "index",
        "cached",
        "sure",
        "nothing_like_it",
        "without_date",
    }
    assert [hit["path"] for hit in told["hits"]] == [hit.path for hit in result]


def test_a_table_without_rows_has_its_columns(collection: Collection) -> None:
    pytest.importorskip("pandas", reason="needs the extra 'pandas'")

    table = collection.search(png(1)).to_pandas()

    assert len(table) == 0
    assert "similarity" in table.columns


def test_as_a_table_it_has_a_row_per_hit(result: SearchResult) -> None:
    pytest.importorskip("pandas", reason="needs the extra 'pandas'")

    table = result.to_pandas()

    assert list(table["rank"]) == [1, 2, 3]
    assert list(table["path"]) == [hit.path for hit in result]


def test_without_pandas_it_says_what_to_install(result: SearchResult, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingExtra, match=r"pip install .*\[pandas\]'"):
        result.to_pandas()


def test_in_a_notebook_it_is_a_grid_of_thumbnails(result: SearchResult) -> None:
    html = result._repr_html_()

    assert html.count('src="data:image/jpeg;base64,') == 3
    assert html.count("12 x 8") == 3
    assert "2.png" in html


def test_names_are_only_ever_text(collection: Collection, photos: Path, tmp_path: Path) -> None:
    result = named(collection, photos, HOSTILE)
    result.query = HOSTILE[0]
    page = result.sheet(tmp_path / "sheet.html").read_text("utf-8")

    for html in (result._repr_html_(), page):
        assert "<script" not in html
        assert "onerror='" not in html
        assert '"onerror' not in html
        assert html.count("data:image/jpeg") >= len(HOSTILE)
    assert result.sheet(tmp_path / "sheet.jpg").stat().st_size > 0
    assert isinstance(repr(result), str)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_a_sheet_can_be_a_picture(result: SearchResult, tmp_path: Path, name: str) -> None:
    with Image.open(result.sheet(tmp_path / name)) as sheet:
        assert sheet.format == "JPEG"
        assert np.asarray(sheet).std() > 0
    assert result.picture().ndim == 3


@pytest.mark.parametrize("name", ["a.html", "a.htm"])
def test_a_sheet_can_be_a_page_that_stands_alone(result: SearchResult, tmp_path: Path, name: str) -> None:
    page = result.sheet(str(tmp_path / name)).read_text("utf-8")

    assert page.startswith("<!doctype html>")
    assert page.count("data:image/jpeg") == 4, "the query and three hits"
    assert "Pictures that look like 2.png" in page


def test_the_home_folder_is_known(result: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert result.sheet("~/a.html") == tmp_path / "a.html"


@pytest.mark.parametrize("name", ["a.png", "a", "a.jpg.txt"])
def test_a_sheet_of_another_kind_is_refused(result: SearchResult, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"end in \.jpg, \.jpeg, \.html or \.htm"):
        result.sheet(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a.jpg", "a.html"])
def test_a_sheet_takes_the_place_of_a_sheet_only(result: SearchResult, tmp_path: Path, name: str) -> None:
    result.sheet(tmp_path / name)
    result.sheet(tmp_path / name)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(WouldOverwrite, match=f"{name} is not a contact sheet made by Lookalike"):
        result.sheet(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert result.sheet(tmp_path / name, force=True).stat().st_size > 10


def test_a_sheet_that_is_the_query_or_in_the_collection_stays(
    result: SearchResult, collection: Collection, photos: Path, tmp_path: Path
) -> None:
    sheet = result.sheet(tmp_path / "earlier.jpg")
    of_itself = collection.search(f"{sheet} + {photos / '1.png'}")
    with pytest.raises(WouldOverwrite, match=r"earlier\.jpg is the query, and stays"):
        of_itself.sheet(sheet)
    collection.add(sheet)
    os.link(sheet, tmp_path / "hard.jpg")
    (tmp_path / "soft.jpg").symlink_to(sheet)
    for name in ("earlier.jpg", "hard.jpg", "soft.jpg"):
        with pytest.raises(WouldOverwrite, match=f"{name} is a picture of the collection, and stays"):
            result.sheet(tmp_path / name)


def test_a_closed_collection_is_no_leave_to_overwrite(tmp_path: Path) -> None:
    with new_collection(tmp_path / "c") as collection:
        result = collection.search(png(1))
        result.sheet(tmp_path / "a.jpg")
    with pytest.raises(WouldOverwrite, match="perhaps a picture of the collection"):
        result.sheet(tmp_path / "a.jpg")


def test_a_sheet_that_cannot_be_written_says_why(
    result: SearchResult, tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "locked").mkdir()
    read_only_folder(tmp_path / "locked")
    for path in ("folder.jpg", "nowhere/a.html", "locked/a.jpg"):
        with pytest.raises(StorageFailed, match="cannot be written"):
            result.sheet(tmp_path / path)
    with pytest.raises(BadInput, match="expected the path of a contact sheet"):
        result.sheet(tmp_path / "zero\0byte.jpg")


def test_a_file_that_is_gone_or_broken_since_has_a_card_without_a_picture(
    result: SearchResult, photos: Path, tmp_path: Path
) -> None:
    (photos / "1.png").unlink()
    (photos / "2.png").write_bytes(b"no picture")

    shown = {hit.path for hit in result} - {str(photos / "1.png"), str(photos / "2.png")}

    assert result._repr_html_().count("data:image/jpeg") == len(shown)
    assert result._repr_html_().count(GONE) == 3 - len(shown)
    assert GONE in result.sheet(tmp_path / "a.html").read_text("utf-8")
    assert result.sheet(tmp_path / "a.jpg").exists()


def test_a_picture_without_a_file_is_shown_from_the_collection(collection: Collection) -> None:
    image_id = collection.add(png(1))

    html = collection.search(png(1))._repr_html_()

    assert html.count("data:image/jpeg") == 1
    assert image_id[:12] in html
    assert "<a " not in html
