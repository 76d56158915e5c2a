"""A built index holds what the catalog holds, by the engine and the projection that are wanted."""

from __future__ import annotations

import fcntl
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import normalise
from lookalike.index import choice
from lookalike.index.exact import ExactIndex
from lookalike.index.projection import LEAST_TO_LEARN, WIDTH
from lookalike.view.as_searched import project
from lookalike.view.building import build, discard_workplace, vectors_of_catalog
from lookalike.view.wish import Wish, check_wish
from tests.unit.view.rounding_index import RoundingIndex

D = 24


def catalog_of(count: int) -> MemoryCatalog:
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    rows = (np.random.default_rng(8).normal(size=(count, D)) * np.geomspace(3, 0.1, D) + 1).astype(np.float16)
    rows[::7] = 0
    with catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in range(count)], rows)
        transaction.remove_images([f"{n:064x}" for n in range(0, count, 5)])
    return catalog


def raw(catalog: MemoryCatalog) -> tuple[list[int], Any]:
    stored = list(catalog.all_vectors())
    return (
        [key for one in stored for key in one.keys.tolist()],
        np.concatenate([np.empty((0, D), np.float32), *(one.vectors.astype(np.float32) for one in stored)]),
    )


@pytest.fixture
def built_with(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the builder of approximate indexes is asked for; it makes one that rounds."""
    asked: list[dict[str, Any]] = []

    def build_index(vectors: Any, *, dimension: int, **options: Any) -> RoundingIndex:
        asked.append({"dimension": dimension, **options})
        index = RoundingIndex(dimension)
        for _ in range(2):  # it may go through them more than once
            for keys, rows in vectors():
                index.upsert(keys, rows)
        return index

    module = ModuleType("lookalike.index.faiss")
    module.build_index = build_index  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lookalike.index.faiss", module)
    return asked


@pytest.mark.parametrize("projecting", ["auto", "off"])
@pytest.mark.parametrize("count", [0, 1, 30, 2 * LEAST_TO_LEARN])
def test_an_exact_index_answers_as_a_plain_loop(count: int, projecting: Any) -> None:
    catalog = catalog_of(count)
    held = build(catalog, Wish(projecting=projecting), LocalEngines(), workplace=None)
    keys, rows = raw(catalog)
    assert (held.projection is not None) == (projecting == "auto" and len(keys) >= LEAST_TO_LEARN)
    assert (held.cursor, held.saved, held.tried_with) == (catalog.cursor(), None, len(keys) if held.projection else 0)
    assert (held.index.engine, len(held.index), held.index.recall) == ("exact", len(keys), 1.0)
    units = normalise(project(rows, held.projection))
    query = project(np.ones((1, D), np.float32), held.projection)
    wanted = np.sort(units.astype(float) @ normalise(query)[0].astype(float))[::-1][:9]
    found = held.index.search(query, 9)
    np.testing.assert_allclose(found.similarities[0, : len(wanted)], wanted, atol=1e-6)
    assert set(found.keys[0].tolist()) <= {-1, *keys}


@pytest.mark.parametrize("projecting", ["auto", "off"])
def test_a_factory_string_is_handed_to_the_builder_with_all_that_is_wished(
    built_with: list[dict[str, Any]], tmp_path: Path, projecting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # where a workplace is given, that is enough
    catalog = catalog_of(400)
    keys, rows = raw(catalog)
    wish = Wish(projecting=projecting, engine="IVF4,Flat", recall=0.9, memory_bytes=10**9)
    held = build(catalog, wish, LocalEngines(), workplace=tmp_path / "building")
    dimension = held.projection.dimension if held.projection else D
    assert built_with == [
        {
            "count": len(np.unique(rows, axis=0)),
            "dimension": dimension,
            "factory": "IVF4,Flat",
            "recall": 0.9,
            "memory_bytes": 10**9,
            "workplace": tmp_path / "building" / "index",
            "subject": built_with[0]["subject"],
        }
    ]
    assert (held.index.engine, len(held.index), held.index.dimension) == ("rounding", len(keys), dimension)
    exact = ExactIndex(dimension)
    exact.upsert(np.array(keys), normalise(project(rows, held.projection)))
    np.testing.assert_array_equal(
        held.index.search(np.ones((1, dimension), np.float32), 400, recall=1).keys != -1,
        exact.search(np.ones((1, dimension), np.float32), 400).keys != -1,
    )


@pytest.mark.parametrize(("count", "engine"), [(40, "exact"), (90, "rounding")])
def test_left_to_itself_it_compares_few_and_builds_for_many(
    built_with: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, count: int, engine: str
) -> None:
    monkeypatch.setattr(choice, "EXACT_UP_TO", 50)
    held = build(catalog_of(count), Wish(), LocalEngines(), workplace=None)
    assert held.index.engine == engine
    assert [one["factory"] for one in built_with] == [None] * (engine != "exact")


@pytest.mark.parametrize(("projecting", "engine"), [("auto", "exact"), ("off", "exact"), ("off", "IVF4,Flat")])
@pytest.mark.usefixtures("built_with")
def test_who_waits_is_told_how_far_it_is(projecting: Any, engine: str) -> None:
    catalog = catalog_of(2 * LEAST_TO_LEARN)
    told: list[int] = []
    build(catalog, Wish(projecting=projecting, engine=engine), LocalEngines(), workplace=None, reached=told.append)
    assert told == sorted(told)
    assert told[-1] == catalog.facts().images


def test_an_empty_collection_needs_no_builder(built_with: list[dict[str, Any]]) -> None:
    assert build(catalog_of(0), Wish(engine="IVF4,Flat"), LocalEngines(), workplace=None).index.engine == "exact"
    assert built_with == []


def test_exact_stays_exact_however_many_there_are(
    built_with: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "EXACT_UP_TO", 5)
    assert build(catalog_of(40), Wish(engine="exact"), LocalEngines(), workplace=None).index.engine == "exact"


def test_vectors_come_in_order_with_length_1_or_0() -> None:
    catalog = catalog_of(2 * LEAST_TO_LEARN)
    for projection in (None, build(catalog, Wish(), LocalEngines(), workplace=None).projection):
        parts = list(vectors_of_catalog(catalog, projection))
        keys, rows = np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])
        assert keys.tolist() == sorted(raw(catalog)[0])
        assert rows.dtype == np.float32
        lengths = np.linalg.norm(rows, axis=1)
        assert ((np.abs(lengths - 1) < 1e-5) | (lengths == 0)).all()


def test_a_killed_build_goes_on_only_with_the_same_vectors(built_with: list[dict[str, Any]]) -> None:
    catalog, wish = catalog_of(2 * LEAST_TO_LEARN), Wish(engine="IVF4,Flat")

    def subject(wish: Wish = wish) -> str:
        build(catalog, wish, LocalEngines(), workplace=None)
        return str(built_with[-1]["subject"])

    first = subject()
    assert subject() == first
    assert subject(Wish(engine="IVF4,Flat", projecting="off")) != first
    with catalog.transaction() as transaction:
        transaction.remove_images([f"{1:064x}"])
    assert subject() != first


def test_while_another_builds_in_the_workplace_it_is_left_alone(
    built_with: list[dict[str, Any]], tmp_path: Path
) -> None:
    place, catalog, wish = tmp_path / "building", catalog_of(20), Wish(engine="IVF4,Flat")
    build(catalog, wish, LocalEngines(), workplace=place)
    with place.with_suffix(".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        build(catalog, wish, LocalEngines(), workplace=place)
        discard_workplace(place)
        assert place.is_dir()
    first, second = (one["workplace"] for one in built_with)
    assert first == place / "index"
    assert place not in second.parents
    for _ in range(2):
        discard_workplace(place)
        assert not place.exists()


def test_what_cannot_be_built_leaves_no_workplace(tmp_path: Path) -> None:
    place = tmp_path / "building"
    with pytest.raises(BadInput):
        build(catalog_of(20), Wish(engine="IVF4,Nonsense"), LocalEngines(), workplace=place)
    assert not place.exists()


@pytest.mark.parametrize("projecting", ["auto", "off"])
@pytest.mark.parametrize("engine", ["auto", "exact", "IVF4,Flat", "IVF65536,PQ4x4fs"])
def test_a_wish_that_more_pictures_could_fulfil_is_none_to_refuse(engine: str, projecting: Any) -> None:
    check_wish(catalog_of(0), Wish(engine=engine, projecting=projecting), LocalEngines())


@pytest.mark.parametrize("projecting", ["auto", "off"])
@pytest.mark.parametrize("engine", ["IVF4,Nonsense", "exakt", "PQ5"])
def test_a_wish_that_nothing_fulfils_is_refused_at_once(engine: str, projecting: Any) -> None:
    with pytest.raises(BadInput, match="expected a factory string that FAISS understands"):
        check_wish(catalog_of(0), Wish(engine=engine, projecting=projecting), LocalEngines())


def test_a_string_may_fit_what_is_learnt_and_not_what_it_is_learnt_from() -> None:
    class Fits(LocalEngines):
        asked: tuple[int, ...] = ()

        def check(self, factory: str, *, dimensions: Iterable[int]) -> None:
            Fits.asked = tuple(dimensions)

    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, 1280)

    check_wish(catalog, Wish(engine="PQ3"), Fits())
    assert (Fits.asked[0], max(Fits.asked[1:]), min(Fits.asked[1:])) == (1280, WIDTH, LEAST_TO_LEARN // 4)
    check_wish(catalog, Wish(engine="PQ3", projecting="off"), Fits())
    assert Fits.asked == (1280,)


def test_where_nothing_can_be_written_it_is_built_elsewhere(built_with: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    build(catalog_of(20), Wish(engine="IVF4,Flat"), LocalEngines(), workplace=tmp_path / "file" / "building")
    assert tmp_path not in built_with[0]["workplace"].parents
