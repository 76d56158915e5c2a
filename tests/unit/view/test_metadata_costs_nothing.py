"""A change of metadata costs an index, and all that is made of vectors, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.core.records import ImageRecord
from lookalike.view.local_view import LocalView
from lookalike.view.nearness import LEAST
from lookalike.view.wish import Wish
from tests.collections import open_catalog
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.unit.view.counting_index import CountingEngines
from tests.unit.view.test_view import MODEL, D, image_id, put, vector

COUNT = 3 * LEAST
MANY = 20_000


@pytest.fixture(params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(request.param, tmp_path / "catalog.db")
    made.claim_model(MODEL, D)
    put(made, range(COUNT))
    yield made
    made.close()


@pytest.fixture
def engines() -> CountingEngines:
    return CountingEngines()


def label(catalog: Catalog, count: int, value: int = 1) -> None:
    with catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(name): {"a": value} for name in range(count)})


def search(view: LocalView) -> list[int]:
    view.refresh()
    return view.search(vector(0)[None].astype(np.float32), 5).keys[0].tolist()


@pytest.mark.parametrize("labelled", [1, COUNT])
def test_the_next_search_changes_and_makes_nothing(catalog: Catalog, engines: CountingEngines, labelled: int) -> None:
    view = LocalView(catalog, None, engines=engines, wish=Wish(projecting="off"))
    before = search(view)
    groups, nearness, generation = view.groups(), view.nearness(), view.generation
    calls = dict(engines.calls)
    label(catalog, labelled)
    assert search(view) == before
    assert view.groups() is groups
    assert view.nearness() is nearness
    assert view.generation == generation
    assert engines.calls == calls
    assert view.cursor == catalog.cursor()


def test_many_pages_of_labels_are_nothing_to_an_index(tmp_path: Path, engines: CountingEngines) -> None:
    catalog = open_catalog(tmp_path / "catalog.db")
    catalog.claim_model(MODEL, 1)
    for start in range(0, MANY, 5_000):
        names = range(start, start + 5_000)
        with catalog.transaction() as transaction:
            images = [ImageRecord(image_id(name), 640, 480, "jpeg", 1_000) for name in names]
            transaction.put_images(images, np.ones((len(images), 1), np.float16))
    view = LocalView(catalog, None, engines=engines, wish=Wish(projecting="off", engine="exact"))
    view.refresh()
    calls = dict(engines.calls)
    label(catalog, MANY)
    view.refresh()
    assert engines.calls == calls
    assert view.cursor == catalog.cursor()


def test_groups_look_at_no_vector_again(catalog: Catalog, engines: CountingEngines) -> None:
    view = LocalView(catalog, None, engines=engines, wish=Wish(projecting="off"))
    groups = view.groups()
    looked_at: list[str] = []
    for call in ("upsert", "remove"):
        setattr(groups, call, _noting(looked_at, call, getattr(groups, call)))
    label(catalog, COUNT)
    view.refresh()
    assert view.groups() is groups
    assert looked_at == []
    put(catalog, [COUNT])
    view.refresh()
    assert view.groups() is groups
    assert set(looked_at) == {"upsert", "remove"}, "what concerns vectors still comes in"


def test_a_snapshot_is_not_written_again_and_is_caught_up_with_by_nothing(
    catalog: Catalog, engines: CountingEngines, tmp_path: Path
) -> None:
    first = LocalView(catalog, tmp_path / "snapshots", engines=engines, wish=Wish(projecting="off"))
    first.refresh()
    assert first.save() is not None
    label(catalog, COUNT)
    first.refresh()
    assert not first.worth_saving
    assert first.save() is None
    calls = dict(engines.calls)
    again = LocalView(catalog, tmp_path / "snapshots", engines=engines, wish=Wish(projecting="off"))
    assert search(again) == search(first)
    assert engines.calls == {**calls, "load": calls.get("load", 0) + 1}
    assert again.rebuilt_because is None


def test_a_sample_of_the_recall_counts_although_pictures_are_labelled_meanwhile(
    catalog: Catalog, engines: CountingEngines
) -> None:
    view = LocalView(catalog, None, engines=engines, wish=Wish(projecting="off"))
    view.refresh()
    state = view._current()
    label(catalog, 1)
    assert not view._has_changed(state)
    put(catalog, [COUNT])
    assert view._has_changed(state)


def _noting(calls: list[str], name: str, call: Callable[..., None]) -> Callable[..., None]:
    def noting(*given: object) -> None:
        calls.append(name)
        call(*given)

    return noting
