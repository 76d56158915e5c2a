"""Groups follow the catalog and the projection, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import StorageFailed
from lookalike.core.records import ImageRecord
from lookalike.index.near_identical import THRESHOLD
from lookalike.index.projection import LEAST_TO_LEARN
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.collections import open_catalog

D = 16


@pytest.fixture(params=["memory", "sqlite"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    made: Catalog = MemoryCatalog() if request.param == "memory" else open_catalog(tmp_path / "catalog.db")
    made.claim_model("m" * 64, D)
    yield made
    made.close()


def base(n: int) -> Any:
    return np.random.default_rng(n).normal(size=D)


def put(catalog: Catalog, numbers: Iterable[int], *, like: int | None = None) -> None:
    """Pictures, each of its own, or all like one."""
    numbers = list(numbers)
    rows = np.array([base(n if like is None else like) for n in numbers], np.float16)
    with catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in numbers], rows)


def remove(catalog: Catalog, *numbers: int) -> None:
    with catalog.transaction() as transaction:
        transaction.remove_images([f"{n:064x}" for n in numbers])


def opened(catalog: Catalog, *, projecting: Any = "off") -> LocalView:
    view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting=projecting))
    view.refresh()
    return view


def grouped(view: LocalView, catalog: Catalog) -> list[list[int]]:
    """The groups of more than one, by the numbers of their pictures."""
    view.refresh()
    groups, keys = view.groups(), view.vectors_searched().keys
    labels = groups.labels(keys)
    found = [groups.members(int(label)).tolist() for label in np.unique(labels)]
    return sorted(sorted(int(catalog.ids([key])[key], 16) for key in group) for group in found if len(group) > 1)


def naive(view: LocalView, catalog: Catalog) -> list[list[int]]:
    """By comparing all with all; only for groups that lie far apart."""
    keys, rows = view.vectors_searched()
    near = rows @ rows.T >= THRESHOLD
    numbers = [int(catalog.ids([key])[key], 16) for key in keys.tolist()]
    found = {tuple(sorted(numbers[m] for m in np.flatnonzero(row))) for row in near}
    return sorted(list(group) for group in found if len(group) > 1)


def test_groups_are_made_when_they_are_first_asked_for(catalog: Catalog) -> None:
    put(catalog, range(10))
    put(catalog, range(20, 24), like=3)
    view = opened(catalog)
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 20, 21, 22, 23]]


def test_an_empty_collection_has_no_groups(catalog: Catalog) -> None:
    assert grouped(opened(catalog), catalog) == []


def test_groups_follow_what_is_added_replaced_and_removed(catalog: Catalog) -> None:
    put(catalog, range(10))
    put(catalog, [20, 21], like=3)
    view = opened(catalog)
    assert grouped(view, catalog) == [[3, 20, 21]]
    put(catalog, [30, 31], like=5)
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 20, 21], [5, 30, 31]]
    put(catalog, [20], like=5)  # another picture under the id it had
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 21], [5, 20, 30, 31]]
    remove(catalog, 5, 31)  # the first of a group, and another
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 21], [20, 30]]
    remove(catalog, 3, 20, 30)
    assert grouped(view, catalog) == []
    put(catalog, [3])
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 21]]


def test_what_comes_and_goes_between_two_looks_leaves_no_trace(catalog: Catalog) -> None:
    put(catalog, range(4))
    view = opened(catalog)
    assert grouped(view, catalog) == []
    put(catalog, [9], like=2)
    remove(catalog, 9)
    assert grouped(view, catalog) == []
    put(catalog, [9], like=1)
    assert grouped(view, catalog) == [[1, 9]]


def test_a_new_projection_groups_anew(catalog: Catalog) -> None:
    """After centring, pictures that shared most of their vectors are no longer near-identical."""
    shared = 12 * base(999)
    rows = np.array([shared + base(n) for n in range(LEAST_TO_LEARN - 1)], np.float16)
    with catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in range(len(rows))], rows)
    view = opened(catalog, projecting="auto")
    assert len(grouped(view, catalog)) > 0
    put(catalog, [5000, 5001], like=7000)
    assert grouped(view, catalog) == naive(view, catalog) == [[5000, 5001]]
    assert view.projection is not None


def test_groups_that_could_not_be_made_are_not_taken_for_made(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(LEAST_TO_LEARN - 1))
    view = opened(catalog, projecting="auto")
    assert grouped(view, catalog) == []
    put(catalog, [5000, 5001, 5002], like=3)
    view.refresh()
    real = type(catalog).all_vectors

    def failing(*arguments: Any, **options: Any) -> Any:
        raise StorageFailed("the disk fails")

    monkeypatch.setattr(type(catalog), "all_vectors", failing)
    with pytest.raises(StorageFailed):
        view.groups()
    monkeypatch.setattr(type(catalog), "all_vectors", real)
    assert grouped(view, catalog) == naive(view, catalog) == [[3, 5000, 5001, 5002]]
