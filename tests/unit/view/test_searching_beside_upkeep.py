"""Searches wait for none of what is done beside them: saving, building, measuring, grouping, another's catching up."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.records import ImageRecord
from lookalike.index import snapshot
from lookalike.view import building, nearness
from lookalike.view.keeper import Keeper
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.unit.view.rounding_index import RoundingIndex
from tests.waiting import eventually

N, D, k = 40, 8, 3


def vector(n: int) -> Any:
    return np.random.default_rng(n).normal(size=(1, D)).astype(np.float32)


def put(catalog: Catalog, *numbers: int) -> None:
    rows = np.concatenate([vector(n) for n in numbers]).astype(np.float16)
    with catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in numbers], rows)


def nearest(view: LocalView, catalog: Catalog, n: int) -> int:
    """The number of the picture that is nearest to picture n's own vector."""
    view.refresh(within_s=0.05)
    key = int(view.search(vector(n), 1).keys[0, 0])
    return int(catalog.ids([key])[key], 16)


class Gate:
    """A function that, while the gate is shut, waits where it is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.real, self.is_shut = getattr(module, name), False
        monkeypatch.setattr(module, name, self)

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.is_shut:
            self.entered.set()
            assert self.opened.wait(60)
        return self.real(*given, **named)


@pytest.fixture
def threads() -> Iterator[list[threading.Thread]]:
    started: list[threading.Thread] = []
    yield started
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()


def begin(call: Any, threads: list[threading.Thread]) -> None:
    threads.append(threading.Thread(target=call))
    threads[-1].start()


@pytest.fixture
def catalog() -> MemoryCatalog:
    made = MemoryCatalog()
    made.claim_model("m" * 64, D)
    put(made, *range(N))
    return made


def opened(catalog: Catalog, folder: Path | None = None, *, projecting: Any = "off") -> LocalView:
    view = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting=projecting))
    view.refresh()
    return view


def test_what_is_added_is_found_while_the_files_of_a_snapshot_are_written(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: list[threading.Thread]
) -> None:
    view, writing = opened(catalog, tmp_path / "snapshots"), Gate(monkeypatch, snapshot, "_write_files")
    writing.is_shut = True
    begin(view.save, threads)
    assert writing.entered.wait(60)

    put(catalog, N)

    assert nearest(view, catalog, N) == N
    writing.opened.set()
    threads.pop().join(60)
    again = opened(catalog, tmp_path / "snapshots")
    assert (again.rebuilt_because, nearest(again, catalog, N)) == (None, N)
    assert view.worth_saving is False
    assert view.save() is not None, "what came meanwhile is not in the snapshot"


def test_what_is_added_is_found_while_an_index_is_made_anew(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, threads: list[threading.Thread]
) -> None:
    view, learning = opened(catalog), Gate(monkeypatch, building, "engine_for")
    learning.is_shut = True
    begin(view.rebuild, threads)
    assert learning.entered.wait(60)

    put(catalog, N)

    assert nearest(view, catalog, N) == N
    before = view.generation
    learning.opened.set()
    threads.pop().join(60)
    assert view.generation == before + 1
    assert nearest(view, catalog, N) == N


def test_with_a_keeper_a_small_index_is_made_anew_beside_searches_too(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = opened(catalog, projecting="auto")
    keeper, learning = Keeper(view, may_write=False, beside=True), Gate(monkeypatch, building, "learn")
    learning.is_shut = True

    put(catalog, *range(N, 300))  # enough to learn a projection from

    assert nearest(view, catalog, 299) == 299
    keeper.look_after()
    assert learning.entered.wait(60)
    put(catalog, 300)
    assert nearest(view, catalog, 300) == 300
    assert view.projection is None
    learning.opened.set()
    eventually(lambda: view.projection is not None)
    assert nearest(view, catalog, 300) == 300


def test_another_s_catching_up_is_waited_for_no_longer_than_said(catalog: Catalog) -> None:
    view = opened(catalog)
    put(catalog, N)

    with view._following:  # as while another takes in very much
        begun = time.monotonic()
        assert view.refresh(within_s=0.05) is False
        waited_s = time.monotonic() - begun
        found = view.search(vector(N), 1)

    assert waited_s >= 0.05
    assert found.similarities[0, 0] < 0.999, "the picture that is not in the index yet"
    assert nearest(view, catalog, N) == N


def test_with_a_keeper_a_search_takes_in_a_page_and_leaves_the_rest_to_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.view.following.CHANGES_AT_ONCE", 5)
    view = opened(catalog)
    keeper = Keeper(view, may_write=False, beside=True)
    put(catalog, *range(N, N + 12))

    assert view.refresh(within_s=0.0) is False
    assert (view.facts().count, view.is_behind) == (N + 5, True)
    keeper.look_after()
    keeper.join()

    assert (view.facts().count, view.is_behind) == (N + 12, False)


def test_without_a_keeper_a_search_takes_in_all_there_is(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.view.following.CHANGES_AT_ONCE", 5)
    view = opened(catalog)
    put(catalog, *range(N, N + 12))
    assert view.refresh(within_s=0.0) is True
    assert view.facts().count == N + 12


def test_while_one_measures_nearness_others_are_told_what_was_known_or_nothing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, threads: list[threading.Thread]
) -> None:
    view, measuring = opened(catalog), Gate(monkeypatch, nearness, "measure_nearness")
    measuring.is_shut = True
    begin(view.nearness, threads)
    assert measuring.entered.wait(60)
    assert view.nearness() is None
    measuring.opened.set()
    threads.pop().join(60)
    known = view.nearness()
    assert known is not None

    Keeper(view, may_write=False, beside=True)
    measuring.entered.clear()
    measuring.opened.clear()
    view.rebuild()
    assert view.is_behind, "it is of the index before"
    begin(view.renew, threads)
    assert measuring.entered.wait(60)
    assert view.nearness() is known
    measuring.opened.set()
    threads.pop().join(60)
    renewed = view.nearness()
    assert renewed == known
    assert renewed is not known
    assert not view.is_behind


def test_groups_of_an_earlier_projection_are_given_until_those_of_the_new_one_are_made(
    monkeypatch: pytest.MonkeyPatch, threads: list[threading.Thread]
) -> None:
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    put(catalog, *range(300))
    view, making = opened(catalog, projecting="auto"), Gate(monkeypatch, building, "vectors_of_catalog")
    Keeper(view, may_write=False, beside=True)
    first = view.groups()

    view.rebuild()  # which learns another projection, of the same pictures
    making.is_shut = True
    begin(view.renew, threads)
    assert making.entered.wait(60)

    assert view.groups() is first
    making.opened.set()
    threads.pop().join(60)
    making.is_shut = False
    assert view.groups() is not first
    assert not view.is_behind


@pytest.mark.parametrize("beside", [False, True])
def test_an_index_that_is_made_anew_answers_as_the_one_before_did(
    catalog: Catalog, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("lookalike.index.faiss")
    made: list[RoundingIndex] = []

    def build_index(vectors: Any, *, dimension: int, **_: Any) -> RoundingIndex:
        made.append(RoundingIndex(dimension))
        for keys, rows in vectors():
            made[-1].upsert(keys, rows)
        return made[-1]

    module.build_index = build_index  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lookalike.index.faiss", module)
    view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off", engine="IVF4,Flat"))
    view.refresh()
    keeper = Keeper(view, may_write=False, beside=beside)
    before = [view.search(vector(n), k).keys.tolist() for n in range(N)]

    made[0].worn = "worn down by the test"
    keeper.look_after()
    view.refresh()

    eventually(lambda: len(made) == 2 and view.generation >= 1 and (made[-1].recalls or view.search(vector(0), k)))
    assert [view.search(vector(n), k).keys.tolist() for n in range(N)] == before
