"""Collections that earlier versions have written are opened and answer as they did: a golden folder for each format."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import lookalike
from lookalike.catalog.sqlite.format import FORMAT
from lookalike.cli.main import run
from tests.golden.collection_format import FILTERS, hits_of, picture

FORMATS = Path(__file__).parents[1] / "golden" / "collection-formats"
MOST_BYTES = 400_000


@pytest.fixture(params=range(1, FORMAT + 1))
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the folder of one format."""
    return Path(shutil.copytree(FORMATS / str(request.param), tmp_path / "golden"))


def answers_of(golden: Path) -> dict[str, Any]:
    return dict(json.loads((golden / "answers.json").read_text()))


def golden_format(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder}/collection/catalog.sqlite?immutable=1", uri=True)) as catalog:
        return int(catalog.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_there_is_a_small_golden_collection_for_each_format_and_it_is_of_that_format() -> None:
    assert {path.name for path in FORMATS.iterdir()} == {str(n) for n in range(1, FORMAT + 1)}
    for folder in FORMATS.iterdir():
        assert golden_format(folder) == int(folder.name)
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MOST_BYTES


def test_it_answers_as_it_did(golden: Path) -> None:
    expected = answers_of(golden)
    with lookalike.open(golden / "collection") as collection:
        for name, where in FILTERS.items():
            found = hits_of(collection, expected["asked"], where)
            assert [image_id for image_id, _ in found] == [image_id for image_id, _ in expected["hits"][name]]
            similarities = [similarity for _, similarity in found]
            assert similarities == pytest.approx([similarity for _, similarity in expected["hits"][name]], abs=2e-6)
        metadata = {image_id: dict(collection.get(image_id).image.metadata) for image_id in expected["metadata"]}
    assert metadata == expected["metadata"]


def test_it_answers_as_it_did_with_an_index_made_anew(golden: Path) -> None:
    shutil.rmtree(golden / "collection" / "snapshots")
    test_it_answers_as_it_did(golden)


def test_the_snapshot_that_it_has_is_used_where_its_format_is_known(golden: Path) -> None:
    """Version 2 tells by a number and a word how far it had followed; version 3 by a cursor."""
    snapshots = golden / "collection" / "snapshots"
    (manifest,) = snapshots.glob("*/manifest.json")
    is_known = json.loads(manifest.read_text())["version"] in (2, 3)
    asked = answers_of(golden)["asked"]
    with lookalike.open(golden / "collection") as collection:
        collection.search(asked, k=1)
        assert (collection.info().rebuilt_because is None) == is_known
    written = []
    for label in (1, 2):  # what it had not followed yet is saved with the first
        with lookalike.open(golden / "collection") as collection:
            collection.pictures.label(asked, {"a": label})
            collection.search(asked, k=1)
        written += snapshots.glob("*/manifest.json")
    assert written[0] == written[1], "a label is no reason to write another one"


def test_it_grows_and_is_sound(golden: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "100.png").write_bytes(picture(100))
    before = len(answers_of(golden)["metadata"])
    with lookalike.open(golden / "collection") as collection:
        assert len(collection) == before
        collection.index(tmp_path / "more")
        collection.remove(answers_of(golden)["asked"])
        assert len(collection) == before
        assert collection.search(picture(100), k=1)[0].similarity == pytest.approx(1)
    assert run(["doctor", "-c", str(golden / "collection"), "--quiet"]) == 0


def test_opened_for_reading_alone_an_older_one_says_what_to_do_and_is_left_as_it_is(golden: Path) -> None:
    before = (golden / "collection" / "catalog.sqlite").read_bytes()
    if golden_format(golden) == FORMAT:
        with lookalike.open(golden / "collection", read_only=True) as collection:
            assert len(collection) == len(answers_of(golden)["metadata"])
    else:
        with pytest.raises(lookalike.LookalikeError, match="written by an older Lookalike"):
            lookalike.open(golden / "collection", read_only=True)
        assert (golden / "collection" / "catalog.sqlite").read_bytes() == before
