"""Catalogs that lie, each in its own way, and what becomes of the index: stated in the architecture page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import StoredVectors
from lookalike.core.errors import CatalogDamaged, CursorUnknown, ServiceDown
from lookalike.core.records import Change, ChangeKind, ChangePage, Cursor
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.remote.catalog import RemoteCatalog
from tests.unit.view.test_view import MODEL, D, put, remove, vector

COUNT = 8
Pages = Callable[..., ChangePage]


class LyingCatalog(RemoteCatalog):
    """True until a test replaces an answer."""

    lie: Callable[[Pages], Pages] | None = None
    gone: frozenset[int] = frozenset()

    def changes(self, *given: Any, **named: Any) -> ChangePage:
        true = super().changes
        return (self.lie(true) if self.lie else true)(*given, **named)

    def vectors(self, keys: Any) -> StoredVectors:
        stored = RemoteCatalog.__getattr__(self, "vectors")(keys)
        there = ~np.isin(stored.keys, list(self.gone))
        return StoredVectors(stored.keys[there], stored.vectors[there])


@pytest.fixture
def catalog() -> LyingCatalog:
    made = LyingCatalog()
    made.claim_model(MODEL, D)
    put(made, range(COUNT))
    return made


@pytest.fixture
def view(catalog: LyingCatalog) -> LocalView:
    made = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off"))
    made.refresh()
    return made


def keys_found(view: LocalView) -> set[int]:
    view.refresh()
    found = view.search(vector(0)[None].astype(np.float32), 3 * COUNT).keys[0]
    return {int(key) for key in found if key >= 0}


def keys_there(catalog: LyingCatalog) -> set[int]:
    return {int(key) for part in catalog.all_vectors() for key in part.keys}


def test_a_change_that_the_feed_never_tells_is_missing_until_the_index_is_made_anew(
    catalog: LyingCatalog, view: LocalView
) -> None:
    """As of a number taken early and committed late, where a catalog goes by the number alone."""
    catalog.lie = lambda true: lambda *given, **named: replace_changes(true(*given, **named), [])
    put(catalog, [100])
    assert keys_found(view) == keys_there(catalog) - {COUNT + 1}
    view.rebuild()
    assert keys_found(view) == keys_there(catalog)


def test_a_change_that_is_told_again_and_again_changes_nothing(catalog: LyingCatalog, view: LocalView) -> None:
    catalog.lie = lambda true: lambda since, **named: true(Cursor(""), **named)
    put(catalog, [100])
    for _ in range(3):
        assert keys_found(view) == keys_there(catalog)
    assert view.facts().count == COUNT + 1


def test_a_picture_whose_vector_is_not_there_is_not_found(catalog: LyingCatalog, view: LocalView) -> None:
    catalog.gone = frozenset([2, COUNT + 1])
    put(catalog, [1, 100], vectors=np.ones((2, D)))  # keys 2, and one that was never there
    assert keys_found(view) == keys_there(catalog) - catalog.gone


def test_a_removal_told_as_a_change_of_the_vector_is_a_removal(catalog: LyingCatalog, view: LocalView) -> None:
    as_vector = [Change(3, ChangeKind.VECTOR)]
    catalog.lie = lambda true: lambda *given, **named: replace_changes(true(*given, **named), as_vector)
    remove(catalog, [2])
    assert keys_found(view) == keys_there(catalog)


def test_a_key_that_was_removed_and_comes_back_is_found_with_its_new_vector(
    catalog: LyingCatalog, view: LocalView
) -> None:
    remove(catalog, [2])
    assert 3 not in keys_found(view)
    put(catalog, [2], vectors=vector(0)[None])
    assert 3 in keys_found(view)
    found = view.search(vector(0)[None].astype(np.float32), 2)
    assert set(found.keys[0].tolist()) == {1, 3}
    assert found.similarities[0] == pytest.approx([1, 1], abs=1e-3)


def test_a_cursor_that_is_another_one_at_each_look_costs_a_look_at_the_feed_and_nothing_else(
    catalog: LyingCatalog, view: LocalView, monkeypatch: pytest.MonkeyPatch
) -> None:
    restless = iter(range(10**9))
    monkeypatch.setattr(catalog, "cursor", lambda: Cursor(f"{next(restless)}"))
    generation = view.generation
    assert keys_found(view) == keys_there(catalog)
    assert view.generation == generation


def test_a_place_that_the_catalog_knows_no_more_makes_the_index_anew(catalog: LyingCatalog, view: LocalView) -> None:
    copy = catalog.database.committed
    put(catalog, [100])
    assert len(keys_found(view)) == COUNT + 1
    catalog.database.put_back(copy)
    generation = view.generation
    assert keys_found(view) == keys_there(catalog)
    assert view.generation == generation + 1
    with pytest.raises(CursorUnknown):
        catalog.changes(Cursor("9:9 ab"))


def test_a_feed_that_does_not_get_on_is_told_and_ends(catalog: LyingCatalog, view: LocalView) -> None:
    catalog.lie = lambda true: lambda since, **named: ChangePage([], since, complete=False)
    put(catalog, [100])
    with pytest.raises(CatalogDamaged, match="doctor"):
        view.refresh()
    catalog.lie = None
    assert keys_found(view) == keys_there(catalog)


def test_a_catalog_that_falls_silent_between_pages_is_followed_to_the_end_when_it_answers(
    catalog: LyingCatalog, view: LocalView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.view.following.CHANGES_AT_ONCE", 2)
    put(catalog, range(100, 106))
    answered = iter([True, True, False])

    def silent(true: Pages) -> Pages:
        def changes(*given: Any, **named: Any) -> ChangePage:
            if not next(answered, True):
                raise ServiceDown("the catalog's database does not answer")
            return true(*given, **named)

        return changes

    catalog.lie = silent
    with pytest.raises(ServiceDown):
        view.refresh()
    assert keys_found(view) == keys_there(catalog)


def replace_changes(page: ChangePage, changes: list[Change]) -> ChangePage:
    return page._replace(changes=changes)


def test_the_same_snapshot_is_not_used_for_another_history(catalog: LyingCatalog, tmp_path: Path) -> None:
    first = LocalView(catalog, tmp_path / "s", engines=LocalEngines(), wish=Wish(projecting="off"))
    first.refresh()
    first.save()
    catalog.database.put_back(replace(catalog.database.committed))
    again = LocalView(catalog, tmp_path / "s", engines=LocalEngines(), wish=Wish(projecting="off"))
    assert keys_found(again) == keys_there(catalog)
    assert "another history" in (again.rebuilt_because or "")
