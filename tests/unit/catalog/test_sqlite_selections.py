"""What filters have selected is given again until something changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lookalike.catalog.sqlite.filters import Sql
from lookalike.catalog.sqlite.selections import Selections
from lookalike.core.filters import Filter
from tests.unit.catalog.pictures import image_id, made, put


def keys(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(count, dtype=np.int64)


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
    selections = Selections()
    for n, value in enumerate([1, 1.0, True, "1"]):
        selections.put(Sql("?", (value,)), keys(n), version=1)
    found = [selections.get(Sql("?", (value,)), version=1) for value in (1, 1.0, True, "1")]
    assert [len(one) for one in found if one is not None] == [0, 1, 2, 3]


def test_selections_take_no_more_than_they_may_and_the_least_used_goes_first() -> None:
    a, b, c = (Sql(name) for name in "abc")
    selections = Selections(most_bytes=8 * 20)
    selections.put(a, keys(10), version=1)
    selections.put(b, keys(10), version=1)
    assert selections.get(a, version=1) is not None
    selections.put(c, keys(5), version=1)
    assert [selections.get(one, version=1) is not None for one in (a, b, c)] == [True, False, True]
    selections.put(b, keys(21), version=1)
    assert selections.get(b, version=1) is None
    selections.put(a, keys(20), version=1)
    assert [selections.get(one, version=1) is not None for one in (a, c)] == [True, False]


def test_what_an_older_version_gave_is_not_kept() -> None:
    selections = Selections()
    selections.put(Sql("a"), keys(1), version=2)
    selections.put(Sql("a"), keys(9), version=1)
    found = selections.get(Sql("a"), version=2)
    assert found is not None
    assert len(found) == 1
    assert selections.get(Sql("a"), version=3) is None
