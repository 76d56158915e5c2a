"""What filters have selected is given again until something changes."""

from __future__ import annotations

from pathlib import Path

from lookalike.catalog.sqlite.filters import Sql
from lookalike.core.filters import Filter
from tests.unit.catalog.pictures import image_id, made, put


def test_a_selection_is_given_again_until_any_change_also_of_files(tmp_path: Path) -> None:
    with made(tmp_path / "catalog.db", count=3) as catalog:
        where = Filter.parse("name = 1.jpg")
        first = catalog.select(where)
        assert catalog.select(where) is first
        with catalog.transaction() as transaction:
            transaction.forget_files(["/photos/1.jpg"])
        assert (first.tolist(), catalog.select(where).tolist()) == ([2], [])
        put(catalog, [1])
        assert catalog.select(where).tolist() == [2]
        with catalog.transaction() as transaction:
            transaction.remove_images([image_id(1)])
        assert catalog.select(where).tolist() == []


def test_a_change_by_another_catalog_on_the_file_is_seen(tmp_path: Path) -> None:
    with made(tmp_path / "catalog.db", count=3) as one, made(tmp_path / "catalog.db") as other:
        where = Filter.parse("n >= 2")
        assert one.select(where).tolist() == [3]
        put(other, [7])
        assert one.select(where).tolist() == [3, 4]


def test_values_that_are_equal_but_of_other_types_are_kept_apart() -> None:
    assert len({Sql("?", (value,)).name for value in (1, 1.0, True, "1")}) == 4
