"""The view keeps step with its catalog, and tells a snapshot that belongs to another."""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import BadQuery, BadVectors, DimensionMismatch, StorageFailed
from lookalike.core.records import ImageRecord
from lookalike.index.exact import ExactIndex
from lookalike.index.projection import LEAST_TO_LEARN
from lookalike.view import local_view as view_module
from lookalike.view import snapshots as snapshots_module
from lookalike.view.local_view import LocalView
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.wish import Projecting, Wish
from tests.collections import open_catalog
from tests.contract.catalog_engines import ENGINES
from tests.contract.catalog_engines import new_catalog as open_engine
from tests.damage import damaged
from tests.unit.view.rounding_index import RoundingIndex
from tests.waiting import eventually

D = 24
MODEL = "m" * 64
MANY = LEAST_TO_LEARN + 50


def image_id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def vector(name: object) -> Any:
    """Off-centre, so that a projection changes what is near; the same for the same name."""
    rng = np.random.default_rng(int(image_id(name)[:8], 16))
    raw = np.abs(rng.standard_normal(D)) * np.geomspace(1, 0.1, D) + 1
    return raw / np.linalg.norm(raw)


def put(catalog: Catalog, names: Iterable[object], *, vectors: Any = None) -> None:
    names = list(names)
    rows = np.array([vector(name) for name in names]) if vectors is None else vectors
    with catalog.transaction() as transaction:
        transaction.put_images(
            [ImageRecord(image_id(name), 640, 480, "jpeg", 1_000) for name in names], rows.astype(np.float16)
        )


def remove(catalog: Catalog, names: Iterable[object]) -> None:
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(name) for name in names])


@pytest.fixture(params=ENGINES)
def new_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
    opened: list[Catalog] = []

    def make() -> Catalog:
        path = tmp_path / f"{len(opened)}.db"
        catalog = open_engine(request.param, path)
        opened.append(catalog)
        catalog.claim_model(MODEL, D)
        return catalog

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(new_catalog: Callable[[], Catalog]) -> Catalog:
    return new_catalog()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


def opened(catalog: Catalog, folder: Path | None, *, projecting: Projecting = "auto") -> LocalView:
    view = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting=projecting))
    view.refresh()
    return view


def saved(catalog: Catalog, folder: Path, *, projecting: Projecting = "auto") -> None:
    assert opened(catalog, folder, projecting=projecting).save() is not None


QUERIES = np.array([vector(f"query {n}") for n in range(5)], np.float32)


def answers(view: LocalView, k: int = 10) -> list[Any]:
    found = view.search(QUERIES, k)
    return [found.keys.tolist(), found.similarities.tolist()]


def assert_in_step(view: LocalView, catalog: Catalog) -> None:
    """What is searched is what the catalog holds, and the answers are those of comparing all of it."""
    keys, vectors = view.vectors_searched()
    held = np.concatenate([np.empty(0, np.int64), *(stored.keys for stored in catalog.all_vectors())])
    assert keys.tolist() == held.tolist()
    assert view.facts().count == len(keys) == catalog.facts().images
    assert view.cursor == catalog.cursor()
    units = QUERIES if view.projection is None else view.projection.apply(QUERIES)
    similarities = units.astype(np.float64) @ vectors.astype(np.float64).T
    if view.projection is None:
        similarities /= np.linalg.norm(units, axis=1, keepdims=True)
    k = 12
    found = view.search(QUERIES, k)
    count = min(k, len(keys))
    best = -np.sort(-similarities, axis=1)[:, :count]
    np.testing.assert_allclose(found.similarities[:, :count], best, atol=1e-6)
    for row, answer in zip(similarities, found.keys[:, :count], strict=True):
        assert len(set(answer.tolist())) == count
        np.testing.assert_allclose(
            np.sort(row[np.searchsorted(keys, answer)])[::-1], np.sort(row)[::-1][:count], atol=1e-6
        )


# From nothing, from a snapshot, and on


def test_the_first_refresh_makes_the_index_and_the_next_opening_reads_its_snapshot(
    catalog: Catalog, folder: Path
) -> None:
    put(catalog, range(MANY))
    first = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="auto"))
    assert not first.loaded
    first.refresh()
    assert first.rebuilt_because is None, "the very first index is not made anew"
    assert_in_step(first, catalog)
    assert first.worth_saving
    manifest = first.save()
    assert manifest is not None
    assert (manifest.cursor, manifest.count, manifest.learnt_from) == (catalog.cursor(), MANY, MANY)
    assert (first.save(), first.worth_saving) == (None, False)
    second = opened(catalog, folder)
    assert second.rebuilt_because is None
    assert (second.save(), second.worth_saving) == (None, False)
    assert answers(second) == answers(first)
    assert_in_step(second, catalog)


def test_an_empty_catalog_is_searched_without_a_word(catalog: Catalog, folder: Path) -> None:
    view = opened(catalog, folder)
    assert view.rebuilt_because is None
    assert (view.search(QUERIES, 3).keys == -1).all()
    assert [array.shape for array in view.vectors_searched()] == [(0,), (0, D)]
    view.save()
    put(catalog, range(3))
    for one in (view, LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="auto"))):
        one.refresh()
        assert one.rebuilt_because is None
        assert_in_step(one, catalog)


def test_a_view_opened_before_the_catalog_knew_its_model_goes_on_with_it(tmp_path: Path, folder: Path) -> None:
    for catalog in (MemoryCatalog(), open_catalog(tmp_path / "catalog.db")):
        view = opened(catalog, folder)
        view.save()
        catalog.claim_model(MODEL, D)
        put(catalog, range(3))
        view.refresh()
        assert_in_step(view, catalog)
        assert_in_step(opened(catalog, folder), catalog)
        catalog.close()


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_changes_of_every_kind_are_caught_up_with(catalog: Catalog, folder: Path, projecting: Projecting) -> None:
    put(catalog, range(MANY))
    saved(catalog, folder, projecting=projecting)
    running = opened(catalog, folder, projecting=projecting)
    steps: list[Callable[[], None]] = [
        lambda: put(catalog, ["new", "newer"]),
        lambda: put(catalog, [3, 4], vectors=np.stack([vector("other"), vector("another")])),
        lambda: remove(catalog, [5, "new", 7]),
        lambda: put(catalog, [5, 7], vectors=np.stack([vector("back"), vector(7)])),
        lambda: (put(catalog, ["short"]), remove(catalog, ["short"]))[0],
    ]
    for step in steps:
        step()
        running.refresh()
        assert_in_step(running, catalog)
        opened_anew = opened(catalog, folder, projecting=projecting)
        assert (opened_anew.rebuilt_because, running.rebuilt_because) == (None, None)
        assert_in_step(opened_anew, catalog)
        assert answers(opened_anew) == answers(running)
    assert running.save() is not None
    assert answers(opened(catalog, folder, projecting=projecting)) == answers(running)


def test_many_changes_are_caught_up_with_in_parts(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.view.following.CHANGES_AT_ONCE", 7)
    put(catalog, range(30))
    view = opened(catalog, None)
    put(catalog, range(20, 60))
    remove(catalog, range(10, 25))
    view.refresh()
    assert_in_step(view, catalog)


def test_without_a_folder_nothing_is_saved(catalog: Catalog) -> None:
    put(catalog, range(3))
    view = opened(catalog, None)
    assert (view.save(), view.rebuilt_because) == (None, None)
    view.discard()
    assert not view.loaded
    assert_in_step(view, catalog)


def test_a_discarded_index_is_made_anew(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(20))
    saved(catalog, folder)
    view = opened(catalog, folder)
    before = answers(view)
    view.discard()
    assert (answers(view), view.rebuilt_because is None) == (before, False)
    view.rebuild()
    assert answers(view) == before


def test_a_failing_disk_leaves_the_view_as_it_was(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog, range(20))
    (tmp_path / "file").write_text("")
    view = opened(catalog, tmp_path / "file")
    with pytest.raises(StorageFailed):
        view.save()
    assert view.worth_saving
    assert_in_step(view, catalog)


def test_while_much_is_written_for_long_saving_takes_a_small_share_of_the_time(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_module, "_CHANGES_WORTH_SAVING", 5)
    now = [0.0]
    monkeypatch.setattr(view_module.time, "monotonic", lambda: now[0])
    write = snapshots_module.write_snapshot

    def takes_two_seconds(*given: Any, **named: Any) -> Any:
        now[0] += 2.0
        return write(*given, **named)

    monkeypatch.setattr(snapshots_module, "write_snapshot", takes_two_seconds)
    view = opened(catalog, folder)
    saved = []
    for n in range(100):
        put(catalog, range(10 * n, 10 * n + 10))
        view.refresh()
        if view.worth_saving:
            saved.append(now[0])
            view.save()
        now[0] += 1.0
    assert len(saved) == 3
    assert now[0] / (2 * len(saved)) >= 15


# Snapshots that do not fit


def test_a_snapshot_of_another_model_is_not_used(new_catalog: Callable[[], Catalog], folder: Path) -> None:
    catalog = MemoryCatalog()
    catalog.claim_model("n" * 64, D)
    put(catalog, range(20))
    saved(catalog, folder)
    other = new_catalog()
    put(other, range(20))
    view = opened(other, folder)
    assert "of model" in (view.rebuilt_because or "")
    assert_in_step(view, other)


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_a_snapshot_of_another_projection_setting_is_not_used(
    catalog: Catalog, folder: Path, projecting: Projecting
) -> None:
    put(catalog, range(MANY))
    saved(catalog, folder, projecting="off" if projecting == "auto" else "auto")
    view = opened(catalog, folder, projecting=projecting)
    assert "projection" in (view.rebuilt_because or "")
    assert (view.projection is None) == (projecting == "off")
    assert_in_step(view, catalog)


@pytest.mark.parametrize("count", [10, 20, 30])
def test_a_snapshot_of_a_catalog_made_anew_is_not_used(
    new_catalog: Callable[[], Catalog], folder: Path, count: int
) -> None:
    catalog = new_catalog()
    put(catalog, range(20))
    saved(catalog, folder)
    another = new_catalog()
    put(another, [f"other {n}" for n in range(count)])
    view = opened(another, folder)
    assert view.rebuilt_because is not None
    assert_in_step(view, another)


@pytest.mark.parametrize("more", [0, 5, 10, 20])
def test_a_snapshot_ahead_of_a_catalog_put_back_from_a_copy_is_not_used(
    tmp_path: Path, folder: Path, more: int
) -> None:
    path, copy = tmp_path / "catalog.db", tmp_path / "copy.db"

    def begun() -> SqliteCatalog:
        catalog = open_catalog(path)
        catalog.claim_model(MODEL, D)
        return catalog

    with begun() as catalog:
        put(catalog, range(20))
        shutil.copyfile(path, copy)
        put(catalog, range(20, 30))
        saved(catalog, folder)
    shutil.copyfile(copy, path)
    with begun() as catalog:
        if more:
            put(catalog, [f"other {n}" for n in range(more)])
        view = opened(catalog, folder)
        assert view.rebuilt_because is not None
        assert_in_step(view, catalog)


def test_a_catalog_put_back_together_with_its_older_snapshot_uses_it(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "catalog.db"
    with SqliteCatalog.open(path) as catalog:
        catalog.claim_model(MODEL, D)
        put(catalog, range(20))
        saved(catalog, folder)
        shutil.copytree(folder, tmp_path / "copy")
        put(catalog, range(20, 30))
        saved(catalog, folder)
        shutil.rmtree(folder)
        (tmp_path / "copy").rename(folder)
        view = opened(catalog, folder)
        assert view.rebuilt_because is None
        assert_in_step(view, catalog)


def test_a_damaged_snapshot_costs_a_rebuild_and_changes_no_answer(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(MANY))
    saved(catalog, folder)
    expected = answers(opened(catalog, folder))
    for path in [path for path in folder.rglob("*") if path.is_file() and path.name != "LOCK"]:
        content = path.read_bytes()
        for name, result in islice(damaged(content, rng=random.Random(path.name)), 9):
            path.unlink() if result is None else path.write_bytes(result)
            view = opened(catalog, folder)
            assert answers(view) == expected, (path.name, name)
            path.write_bytes(content)
    assert opened(catalog, folder).rebuilt_because is None


# The projection


def test_a_projection_is_learnt_once_there_is_enough_and_again_when_doubled_or_halved(
    catalog: Catalog, folder: Path
) -> None:
    put(catalog, range(LEAST_TO_LEARN - 1))
    view = opened(catalog, folder)
    assert view.projection is None
    view.save()
    put(catalog, ["one more"])
    count = LEAST_TO_LEARN
    for one in (view, LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="auto"))):
        one.refresh()
        assert one.projection is not None
        assert one.projection.learnt_from == count
        assert_in_step(one, catalog)
    view.save()
    put(catalog, range(1000, 1000 + count - 1))
    assert_learnt_from(count, view, catalog, folder)
    put(catalog, ["doubled"])
    assert_learnt_from(2 * count, view, catalog, folder)
    view.save()
    remove(catalog, range(1000, 1000 + count - 1))
    assert_learnt_from(2 * count, view, catalog, folder)
    remove(catalog, ["doubled"])
    assert_learnt_from(count, view, catalog, folder)
    remove(catalog, range(LEAST_TO_LEARN))
    view.refresh()
    assert view.projection is None
    assert_in_step(view, catalog)


def assert_learnt_from(count: int, running: LocalView, catalog: Catalog, folder: Path) -> None:
    for view in (running, LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="auto"))):
        view.refresh()
        assert view.projection is not None
        assert view.projection.learnt_from == view.facts().projection_learnt_from == count
        assert_in_step(view, catalog)


def test_where_nothing_can_be_learnt_that_is_not_tried_at_every_refresh(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY), vectors=np.tile(vector("same"), (MANY, 1)))
    view = opened(catalog, folder)
    assert view.projection is None
    assert view.search(QUERIES, 3).keys.tolist() == [[1, 2, 3]] * len(QUERIES)
    view.save()
    monkeypatch.setattr(LocalView, "_build", lambda *_: pytest.fail("made anew without need"))
    for one in (view, LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="auto"))):
        one.refresh()
        put(catalog, [0], vectors=vector("same")[None])
        one.refresh()
        assert_in_step(one, catalog)


def test_switched_off_raw_vectors_are_searched(catalog: Catalog) -> None:
    put(catalog, range(2 * MANY))
    view = opened(catalog, None, projecting="off")
    _, vectors = view.vectors_searched()
    assert (view.projection, vectors.shape) == (None, (2 * MANY, D))
    raw = np.concatenate([stored.vectors for stored in catalog.all_vectors()]).astype(np.float64)
    np.testing.assert_allclose(vectors, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    assert_in_step(view, catalog)


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_equal_pictures_tie_and_are_1_to_themselves_however_they_came(catalog: Catalog, projecting: Projecting) -> None:
    put(catalog, range(MANY))
    put(catalog, [f"copy {n}" for n in range(9)], vectors=np.tile(vector(0), (9, 1)))
    view = opened(catalog, None, projecting=projecting)
    for n in range(9, 15):
        put(catalog, [f"copy {n}"], vectors=vector(0)[None])
        view.refresh()
    query = vector(0).astype(np.float16).astype(np.float32)
    found = view.search(3 * query, 12)
    assert found.keys[0].tolist() == [1, *range(MANY + 1, MANY + 12)]
    assert (found.similarities == 1).all()


# Bad input and threads


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_an_index_holds_bit_for_bit_what_answers_are_computed_from(catalog: Catalog, projecting: Projecting) -> None:
    """A vector is scaled to length 1 once on its way from the catalog, whether it came by building or by following."""
    view = opened(catalog, None, projecting=projecting)
    put(catalog, range(MANY))
    view.refresh()
    put(catalog, ["later", "last"])
    view.refresh()

    keys, rows = view._state.index.stored_vectors()  # type: ignore[union-attr]
    order = np.argsort(keys)
    searched = view.vectors_searched()

    assert (view.projection is None) == (projecting == "off")
    assert keys[order].tolist() == searched.keys.tolist()
    assert rows[order].tobytes() == searched.vectors.tobytes() == view.stored(keys).vectors.tobytes()


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_queries_that_cannot_be_compared_are_refused(catalog: Catalog, projecting: Projecting) -> None:
    put(catalog, range(MANY))
    view = opened(catalog, None, projecting=projecting)
    for width in (1, D - 1, D + 1):
        with pytest.raises(DimensionMismatch, match=rf"\(N, {D}\)"):
            view.search(np.ones((2, width), np.float32), 3)
    for value in (np.nan, np.inf):
        with pytest.raises(BadVectors):
            view.search(np.full((2, D), value, np.float32), 3)
    with pytest.raises(BadQuery):
        view.search(QUERIES, 0)
    assert view.search(np.zeros((1, D), np.float32), 3).similarities.shape == (1, 3)


def test_searches_and_refreshes_from_many_threads_agree_with_some_moment(catalog: Catalog, folder: Path) -> None:
    """The projection is learnt meanwhile, and again: index and projection must always be of one kind."""
    rounds, step = 12, 60
    put(catalog, ["anchor"])
    anchor = vector("anchor").astype(np.float16).astype(np.float32)
    view = opened(catalog, folder)
    problems: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                view.refresh()
                found = view.search(np.vstack([anchor, QUERIES]), 5)
                assert (found.keys[0, 0], found.similarities[0, 0]) == (1, 1), "found as itself"
                for keys, similarities in zip(found.keys, found.similarities, strict=True):
                    there = keys[keys >= 0].tolist()
                    assert len(set(there)) == len(there)
                    assert (np.abs(similarities[keys >= 0]) <= 1).all()
                view.vectors_searched()
        except BaseException as error:
            problems.append(error)

    def keep() -> None:
        try:
            while not done.is_set():
                view.save()
                view.discard()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for work in (look, look, keep)]
    for thread in threads:
        thread.start()
    for n in range(rounds):
        put(catalog, range(n * step, (n + 1) * step))
        remove(catalog, range(n * step, n * step + 5))
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    view.refresh()
    assert_in_step(view, catalog)
    assert_in_step(opened(catalog, folder), catalog)


# Engines, and making the index anew


@pytest.fixture
def built_with(monkeypatch: pytest.MonkeyPatch) -> Building:
    """Approximate indexes that round, made when the test lets them."""
    building = Building()
    module = ModuleType("lookalike.index.faiss")
    module.build_index = building  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lookalike.index.faiss", module)
    monkeypatch.setattr("lookalike.view.local_view._BUILT_AT_ONCE", 10)
    return building


class Building:
    """Stands in for the builder of approximate indexes."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.may_end.set()
        self.begun = threading.Event()
        self.made: list[RoundingIndex] = []
        self.running = 0
        self.failing: Exception | None = None
        self.options: dict[str, Any] = {}

    def __call__(self, vectors: Any, *, dimension: int, **_: Any) -> RoundingIndex:
        self.running += 1
        assert self.running == 1, "two builds at once"
        index = RoundingIndex(dimension, **self.options)
        for keys, rows in vectors():
            index.upsert(keys, rows)
        self.begun.set()
        assert self.may_end.wait(60)
        self.running -= 1
        if self.failing is not None:
            raise self.failing
        self.made.append(index)
        return index


def settled(view: LocalView) -> None:
    """Once what runs in the background has ended."""
    eventually(lambda: all(thread.name != "lookalike-rebuild" for thread in threading.enumerate()))


def raw_view(
    catalog: Catalog, folder: Path | None = None, *, engine: str = "IVF4,Flat", recall: float = 0.99
) -> LocalView:
    view = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="off", engine=engine, recall=recall))
    view.refresh()
    return view


def assert_true(view: LocalView, catalog: Catalog, *, k: int = 7) -> None:
    """One query at a time, exactly what comparing all that the catalog holds gives."""
    keys, rows = view.vectors_searched()
    for query in QUERIES:
        found = view.search(query[None], k)
        similarities = rows.astype(np.float64) @ (query / np.linalg.norm(query)).astype(np.float64)
        order = np.lexsort((keys, -similarities.astype(np.float32)))[:k]
        assert found.keys[0, : len(order)].tolist() == keys[order].tolist()
        np.testing.assert_allclose(found.similarities[0, : len(order)], similarities[order], atol=1e-6)
        assert found.exact


def test_an_index_that_rounds_answers_with_the_catalogs_own_similarities(
    catalog: Catalog, built_with: Building
) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    assert view.facts().engine == "rounding"
    assert_true(view, catalog)
    put(catalog, range(50, 60))
    remove(catalog, range(5))
    view.refresh()
    assert_true(view, catalog)
    assert view.search(QUERIES[:1], 100).keys[0].tolist().count(-1) == 100 - 55
    assert len(built_with.made) == 1


def test_the_facts_tell_recall_parameters_and_gauge(catalog: Catalog, built_with: Building) -> None:
    put(catalog, range(50))
    facts = raw_view(catalog, recall=0.95).facts()
    assert (facts.recall, facts.parameters) == (0.9, {"step": 0.1})
    assert facts.gauge is not None
    assert (facts.gauge.promised, facts.gauge.recall, facts.gauge.samples) == (0.95, None, 0)
    exact = raw_view(catalog, engine="exact").facts()
    assert (exact.engine, exact.recall, exact.parameters, exact.gauge) == ("exact", 1.0, {}, None)


def test_another_engine_in_the_settings_makes_the_index_anew_and_the_same_one_does_not(
    catalog: Catalog, folder: Path, built_with: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.assembly.index_engines._LOADERS", {"exact": _exact, "rounding": _exact})
    put(catalog, range(50))
    for engine, expected in (("exact", 0), ("IVF4,Flat", 1), ("IVF8,Flat", 2)):
        view = raw_view(catalog, folder, engine=engine)
        assert len(built_with.made) == expected
        assert ("engine" in (view.rebuilt_because or "")) == (expected > 0)
        view.save()
        again = raw_view(catalog, folder, engine=engine)
        assert (again.rebuilt_because, len(built_with.made)) == (None, expected)
        view.close()


def test_a_build_in_the_background_serves_the_old_index_and_takes_in_what_comes_meanwhile(
    catalog: Catalog, built_with: Building
) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    generation = view.generation
    built_with.made[0].worn = "worn down by the test"
    built_with.may_end.clear()
    built_with.begun.clear()
    view.tend()
    assert built_with.begun.wait(60)
    put(catalog, range(50, 60))  # after the new index has read the catalog
    remove(catalog, range(5))
    view.refresh()
    assert_true(view, catalog)
    assert (view.generation, view.facts().count) == (generation, 55)
    assert built_with.made[0].recalls, "the old one answered"
    built_with.may_end.set()
    settled(view)
    assert (view.generation, len(built_with.made)) == (generation + 1, 2)
    asked_before = len(built_with.made[0].recalls)
    assert_true(view, catalog)
    assert view.facts().count == 55
    assert (len(built_with.made[0].recalls), view.worth_saving) == (asked_before, True)


def test_one_build_runs_at_a_time_however_many_ask_for_it(catalog: Catalog, built_with: Building) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    built_with.made[0].worn = "worn down by the test"
    built_with.may_end.clear()
    tending = [threading.Thread(target=view.tend) for _ in range(8)]
    for thread in tending:
        thread.start()
    for thread in tending:
        thread.join()
    view.tend()
    settling = threading.Thread(target=view.settle)
    settling.start()
    built_with.may_end.set()
    settling.join(60)
    settled(view)
    assert (len(built_with.made), view.generation) == (2, 2)
    assert_true(view, catalog)


@pytest.mark.parametrize("error", [StorageFailed("full"), MemoryError(), OSError(28, "full"), RuntimeError("faiss")])
def test_a_build_that_fails_leaves_the_old_index_and_is_not_tried_at_every_search(
    catalog: Catalog, built_with: Building, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    built_with.made[0].worn = "worn down by the test"
    built_with.failing = error
    for _ in range(3):
        view.tend()
        settled(view)
    put(catalog, ["later"])
    view.refresh()
    assert_true(view, catalog)
    assert (view.generation, len(built_with.made)) == (1, 1)
    assert [record.message for record in caplog.records if "could not be made anew" in record.message] != []
    built_with.failing = None
    view.rebuild()
    assert (view.generation, len(built_with.made)) == (2, 2)
    built_with.made[1].worn = "again"
    view.tend()
    settled(view)
    assert view.generation == 3


def test_a_failing_rebuild_in_the_foreground_raises_and_leaves_the_old_index(
    catalog: Catalog, built_with: Building
) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    built_with.failing = StorageFailed("full")
    with pytest.raises(StorageFailed):
        view.rebuild()
    assert_true(view, catalog)


def test_settling_makes_a_worn_index_anew_and_leaves_a_good_one(catalog: Catalog, built_with: Building) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    view.settle()
    assert len(built_with.made) == 1
    built_with.made[0].worn = "worn down by the test"
    view.refresh()
    assert len(built_with.made) == 1, "a large one is not made anew before a search"
    view.settle()
    assert len(built_with.made) == 2
    assert_true(view, catalog)


def test_a_collection_that_outgrows_comparing_all_goes_over_to_lists_and_back(
    catalog: Catalog, built_with: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.index.choice.EXACT_UP_TO", 40)
    put(catalog, range(30))
    view = raw_view(catalog, engine="auto")
    engines = []
    for change in (
        lambda: put(catalog, range(30, 41)),
        lambda: remove(catalog, range(10)),
        lambda: remove(catalog, range(10, 25)),
    ):
        change()
        view.settle()
        assert_true(view, catalog)
        engines.append(view.facts().engine)
    assert engines == ["rounding", "rounding", "exact"]


def test_a_closed_view_says_nothing_of_a_build_that_comes_to_nothing(
    catalog: Catalog, built_with: Building, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    built_with.made[0].worn = "worn down by the test"
    built_with.may_end.clear()
    view.tend()
    view.close()
    built_with.failing = RuntimeError("the catalog is closed")
    built_with.may_end.set()
    settled(view)
    assert "could not be made anew" not in caplog.text


# Recall


def test_the_recall_that_is_asked_for_reaches_the_index(catalog: Catalog, built_with: Building) -> None:
    put(catalog, range(50))
    view = raw_view(catalog)
    for recall in (None, 0.5, 1.0):
        view.search(QUERIES[:1], 3, recall=recall)
        assert built_with.made[0].recalls[-1] == recall


def blind_view(catalog: Catalog, built_with: Building, monkeypatch: pytest.MonkeyPatch) -> LocalView:
    """Of every query half is missed, and every query is sampled."""
    monkeypatch.setattr("lookalike.view.local_view.RecallGauge", partial(RecallGauge, share=1, least=30))
    built_with.options = {"is_blind": lambda key: key % 2 == 0, "step": 1e-4}
    put(catalog, range(50))
    return raw_view(catalog)


def test_the_gauge_measures_what_users_get_and_widens_their_searches_when_it_sinks(
    catalog: Catalog, built_with: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = blind_view(catalog, built_with, monkeypatch)
    assert not view.search(QUERIES[:1], 10).exact
    assert view.search(QUERIES[:1], 10, recall=1.0).exact
    for _ in range(40):
        view.search(QUERIES[:1], 10)
        assert view._gauge.settle(60)
    gauge = view.facts().gauge
    assert gauge is not None
    true = set(view.search(QUERIES[:1], 10, recall=1.0).keys[0].tolist())
    assert gauge.recall == pytest.approx(len([key for key in true if key % 2]) / 10)
    assert (gauge.sinking, gauge.observed) == (True, 41)
    view.search(QUERIES[:1], 10)
    assert 0.99 < built_with.made[0].recalls[-2 if built_with.made[0].recalls[-1] == 1 else -1] < 1  # type: ignore[operator]
    assert view._gauge.settle(60)
    built_with.options = {}
    view.settle()
    assert len(built_with.made) == 2, "made anew for the recall's sake"
    renewed = view.facts().gauge
    assert renewed is not None
    assert renewed.samples == 0
    assert view.search(QUERIES[:1], 10).exact
    view.close()


def test_a_sample_of_an_index_that_has_changed_meanwhile_does_not_count(
    catalog: Catalog, built_with: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = blind_view(catalog, built_with, monkeypatch)
    index, real, waiting = built_with.made[0], built_with.made[0].search, threading.Event()

    def slow(*arguments: Any, recall: float | None = None, **options: Any) -> Any:
        if recall == 1.0:
            assert waiting.wait(60)
        return real(*arguments, recall=recall, **options)

    monkeypatch.setattr(index, "search", slow)
    view.search(QUERIES[:1], 10)
    put(catalog, ["nearer"], vectors=QUERIES[:1])
    view.refresh()
    waiting.set()
    assert view._gauge.settle(60)
    gauge = view.facts().gauge
    assert gauge is not None
    assert (gauge.samples, gauge.outdated) == (0, 1)
    view.close()


def _exact(folder: Path) -> ExactIndex:
    return ExactIndex.from_arrays(np.load(folder / "keys.npy"), np.load(folder / "vectors.npy"))


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_by_faiss_the_view_keeps_step_over_changes_snapshots_and_wear(
    catalog: Catalog, folder: Path, projecting: Projecting
) -> None:
    put(catalog, range(MANY))
    wish = Wish(projecting=projecting, engine="IVF4,Flat")
    view = LocalView(catalog, folder, engines=LocalEngines(), wish=wish)
    view.refresh()
    assert view.facts().engine == "faiss"

    def assert_faiss_true(one: LocalView) -> None:
        keys, rows = one.vectors_searched()
        assert one.facts().count == len(keys)
        for query in QUERIES:
            unit = query / np.linalg.norm(query) if one.projection is None else one.projection.apply(query[None])[0]
            similarities = (rows.astype(np.float64) @ unit.astype(np.float64)).astype(np.float32)
            order = np.lexsort((keys, -similarities))[:7]
            found = one.search(query[None], 7, recall=1.0)
            assert (found.exact, found.keys[0].tolist()) == (True, keys[order].tolist())
            np.testing.assert_allclose(found.similarities[0], similarities[order], atol=1e-6)
            few = keys[::9]
            assert np.isin(one.search(query[None], 7, among=few).keys[0], few).all()

    assert_faiss_true(view)
    put(catalog, ["new", "newer"])
    put(catalog, [3], vectors=vector("other")[None])
    remove(catalog, range(10, 20))
    view.refresh()
    assert_faiss_true(view)
    assert view.save() is not None
    again = LocalView(catalog, folder, engines=LocalEngines(), wish=wish)
    again.refresh()
    assert (again.rebuilt_because, again.generation) == (None, 0)
    assert_faiss_true(again)
    remove(catalog, range(20, 20 + MANY // 3))
    again.settle()
    assert again.generation == 1, "a third was removed"
    assert_faiss_true(again)
    assert sorted(path.name for path in folder.parent.iterdir() if "build" in path.name) == [
        "building",
        "building.lock",
    ]
    again.save()
    assert not (folder.parent / "building").exists()
    assert_faiss_true(again)


def test_a_snapshot_that_does_not_fit_is_not_read_as_a_whole(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(20))
    saved(catalog, folder, projecting="off")
    monkeypatch.setattr("lookalike.index.snapshot.check_hashes", lambda *_: pytest.fail("its files were hashed"))
    view = opened(catalog, folder, projecting="auto")
    assert "projection" in (view.rebuilt_because or "")
    assert_in_step(view, catalog)


def test_a_recall_that_is_set_anew_is_asked_of_an_index_that_was_made_for_another(folder: Path) -> None:
    pytest.importorskip("faiss", reason="needs FAISS")
    catalog = MemoryCatalog()
    catalog.claim_model(MODEL, D)
    put(catalog, range(3000))
    thorough = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(engine="IVF32,PQ12x4fs", recall=0.999))
    thorough.rebuild()
    thorough.save()
    hasty = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(engine="IVF32,PQ12x4fs", recall=0.5))
    assert hasty.search(QUERIES[:1], 5).scanned < thorough.search(QUERIES[:1], 5).scanned
    everything = LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(engine="IVF32,PQ12x4fs", recall=1.0))
    assert everything.search(QUERIES[:1], 5).exact
