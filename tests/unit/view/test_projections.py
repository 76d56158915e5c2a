"""The projection is the catalog's: whoever makes an index of it, whenever, answers alike to the last bit."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import Locked
from lookalike.core.vectors import normalise
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn
from lookalike.index.snapshot import freeze, read_snapshot, write_snapshot
from lookalike.view import projections
from lookalike.view.local_view import LocalView
from lookalike.view.projections import choose, is_due
from tests.golden.projected_collection import LEARNT_FROM, K, answers_of
from tests.unit.view.test_view import D, answers, catalog, folder, new_catalog, opened, put, remove, saved, vector

__all__ = ["catalog", "folder", "new_catalog"]

FEW, MANY, MORE = 30, LEAST_TO_LEARN + 44, LEAST_TO_LEARN + 200  # MORE is less than twice MANY


def made_anew(catalog: Catalog) -> LocalView:
    """As another process would that finds no snapshot."""
    return opened(catalog, None)


# An index made anew answers as the one that grew


@pytest.mark.parametrize(
    "steps",
    [
        [(0, MANY)],
        [(0, MANY), (MANY, MORE)],
        [(0, MANY), (MANY, 2 * MANY), (2 * MANY, 3 * MANY)],
        [(0, LEAST_TO_LEARN), (-LEAST_TO_LEARN, -100)],  # 100 left: more than half are gone, too few to learn from
        [(0, MANY), (-MANY, -FEW), (2000, 2000 + 200)],  # shrunk to raw vectors, and grown to less than it takes
        [(0, MANY), (-MANY, -200)],  # 200 left: fewer than it takes to learn, and more than half
    ],
    ids=["learnt", "grown", "doubled twice", "halved", "halved and grown", "shrunk"],
)
def test_an_index_made_anew_answers_as_the_one_that_grew(catalog: Catalog, steps: list[tuple[int, int]]) -> None:
    grown = opened(catalog, None)
    for first, last in steps:
        if first >= 0:
            put(catalog, range(first, last))
        else:
            remove(catalog, range(-last, -first))
        grown.refresh()

        anew = made_anew(catalog)

        assert answers(anew) == answers(grown)
        assert anew.facts().projection_learnt_from == grown.facts().projection_learnt_from


def test_who_reads_a_snapshot_answers_as_who_makes_the_index_anew(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(MANY))
    saved(catalog, folder)
    put(catalog, range(MANY, MORE))

    assert answers(opened(catalog, folder)) == answers(made_anew(catalog))


def test_where_all_are_equal_that_is_a_version_too_and_is_not_tried_again(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY), vectors=np.tile(vector("same"), (MANY, 1)))
    opened(catalog, None)
    stored = catalog.projection()
    assert stored is not None
    assert (stored.components.shape, stored.learnt_from) == ((D, 0), MANY)
    put(catalog, range(MANY, MORE))
    monkeypatch.setattr("lookalike.view.building.learn", lambda *_, **__: pytest.fail("tried again"))

    assert made_anew(catalog).projection is None


# When one is learnt


@pytest.mark.parametrize(
    ("tried_with", "count", "due"),
    [
        (0, LEAST_TO_LEARN - 1, False),
        (0, LEAST_TO_LEARN, True),
        (LEAST_TO_LEARN - 1, LEAST_TO_LEARN, True),
        (LEAST_TO_LEARN, LEAST_TO_LEARN + 1, False),
        (300, 599, False),
        (300, 600, True),
        (300, 151, False),
        (300, 150, True),
    ],
)
def test_a_projection_is_due_once_there_is_enough_and_when_doubled_or_halved(
    tried_with: int, count: int, due: bool
) -> None:
    assert is_due(tried_with, count) is due


def test_making_the_index_anew_learns_nothing_that_is_not_due(catalog: Catalog) -> None:
    put(catalog, range(MANY))
    view = opened(catalog, None)
    put(catalog, range(MANY, MORE))
    before = answers(view) if view.refresh() else None

    view.rebuild()

    assert answers(view) == before
    assert (catalog.projection_version(), view.facts().projection_learnt_from) == (1, MANY)


def test_who_asks_for_it_has_it_learnt_anew(catalog: Catalog) -> None:
    put(catalog, range(MANY))
    view = opened(catalog, None)
    put(catalog, range(MANY, MORE))

    view.rebuild(learn_anew=True)

    assert (catalog.projection_version(), view.facts().projection_learnt_from) == (2, MORE)
    assert answers(made_anew(catalog)) == answers(view)


def test_switched_off_nothing_is_learnt_and_switched_on_again_the_version_is_there(catalog: Catalog) -> None:
    put(catalog, range(MANY))
    expected = answers(opened(catalog, None))

    assert opened(catalog, None, projecting="off").projection is None
    assert catalog.projection_version() == 1
    assert answers(opened(catalog, None)) == expected


# Several processes


def test_an_index_takes_the_version_that_another_process_has_learnt(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(MANY))
    here, there = opened(catalog, None), opened(catalog, None)
    saved(catalog, folder)
    put(catalog, range(MANY, MORE))
    there.rebuild(learn_anew=True)

    here.refresh()

    assert answers(here) == answers(there) == answers(opened(catalog, folder))
    assert here.generation > there.generation - 2  # its answers of before are not given again
    assert catalog.projection_version() == 2


def test_two_that_learn_at_once_end_with_one_version(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    put(catalog, range(MANY))
    both_have_learnt = threading.Barrier(2, timeout=60)

    def learn_together(*args: Any, **options: Any) -> Projection | None:
        learnt = learn(*args, **options)
        both_have_learnt.wait()
        return learnt

    monkeypatch.setattr("lookalike.view.building.learn", learn_together)
    views: list[LocalView] = []
    threads = [threading.Thread(target=lambda: views.append(opened(catalog, None))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert catalog.projection_version() == 1
    one, other = (view for view in views if view.refresh())
    assert answers(one) == answers(other)


def test_an_index_that_has_followed_is_up_to_date_and_looks_no_further(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY))
    view = opened(catalog, None)
    view.refresh()
    monkeypatch.setattr("lookalike.view.local_view.follow", lambda *_, **__: pytest.fail("followed again"))

    view.refresh()


# Where the catalog cannot be written


@contextmanager
def locked() -> Iterator[None]:
    raise Locked("another process is writing")
    yield


def test_what_was_learnt_is_used_where_the_catalog_cannot_be_written(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, range(MANY))
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "transaction", lambda **_: locked())
        view = opened(catalog, None)
    assert view.projection is not None
    assert catalog.projection_version() == 0

    other = opened(catalog, None)  # which can write
    view.refresh()

    assert answers(view) == answers(other)
    assert catalog.projection_version() == 1


def test_who_may_only_read_makes_the_index_with_the_version_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with SqliteCatalog.open(path) as writing:
        writing.claim_model("m" * 64, D)
        put(writing, range(MANY))
        expected = answers(opened(writing, None))
        with SqliteCatalog.open(path, read_only=True) as reading:
            assert answers(opened(reading, None)) == expected


def test_who_may_only_read_learns_for_itself_where_there_is_no_version(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with SqliteCatalog.open(path) as writing:
        writing.claim_model("m" * 64, D)
        put(writing, range(MANY))
        with SqliteCatalog.open(path, read_only=True) as reading:
            view = opened(reading, None)
            assert view.facts().projection_learnt_from == MANY
        assert writing.projection_version() == 0


# What 0.1.0 wrote: the snapshot alone has the projection


def as_0_1_0_wrote(catalog: Catalog, folder: Path) -> Projection:
    """A snapshot whose projection was learnt when there were fewer pictures, and that names no version."""
    keys, rows = _raw(catalog)
    projection = learn([rows[:OLD_LEARNT]], count=OLD_LEARNT)
    assert projection is not None
    index = LocalEngines().empty(projection.dimension, engine="exact")
    index.upsert(keys, projection.apply(rows))
    write_snapshot(
        folder, freeze(index), projection, model_id=catalog.model_id, cursor=catalog.cursor(), projected="auto"
    )
    return projection


def _raw(catalog: Catalog) -> tuple[Any, Any]:
    stored = list(catalog.all_vectors())
    rows = np.concatenate([one.vectors for one in stored]).astype(np.float32)
    return np.concatenate([one.keys for one in stored]), normalise(rows)


OLD, OLD_LEARNT = LEAST_TO_LEARN + 200, LEAST_TO_LEARN + 20


def test_the_projection_of_an_earlier_collection_becomes_the_catalogs_first_version(
    catalog: Catalog, folder: Path
) -> None:
    put(catalog, range(OLD))
    old = as_0_1_0_wrote(catalog, folder)

    view = opened(catalog, folder)

    stored = catalog.projection()
    assert stored is not None
    assert (stored.version, stored.learnt_from) == (1, OLD_LEARNT)
    assert np.array_equal(stored.components, old.components)
    assert view.rebuilt_because is None
    assert answers(made_anew(catalog)) == answers(view) == answers(opened(catalog, folder))


def test_an_earlier_collection_that_is_only_read_answers_the_same_and_is_left_as_it_is(tmp_path: Path) -> None:
    path, folder = tmp_path / "catalog.db", tmp_path / "snapshots"
    with SqliteCatalog.open(path) as writing:
        writing.claim_model("m" * 64, D)
        put(writing, range(OLD))
        as_0_1_0_wrote(writing, folder)
    with SqliteCatalog.open(path, read_only=True) as reading:
        expected = answers(opened(reading, folder))
        assert reading.projection_version() == 0
    with SqliteCatalog.open(path) as writing:
        assert answers(opened(writing, folder)) == expected
        assert writing.projection_version() == 1


def test_a_snapshot_with_another_projection_than_the_catalogs_is_not_used(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(OLD))
    expected = answers(opened(catalog, None))  # which learns the first version
    as_0_1_0_wrote(catalog, folder)

    view = opened(catalog, folder)

    assert "expected version 1 of the projection" in (view.rebuilt_because or "")
    assert answers(view) == expected


def test_a_manifest_of_earlier_versions_names_no_version_and_is_read(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(OLD))
    as_0_1_0_wrote(catalog, folder)
    (manifest,) = folder.glob("*/manifest.json")
    assert json.loads(manifest.read_text())["projection_version"] == 0
    assert read_snapshot(folder, LocalEngines()).manifest.projection_version == 0


def test_a_snapshot_names_the_version_that_it_was_made_with(catalog: Catalog, folder: Path) -> None:
    put(catalog, range(MANY))
    saved(catalog, folder)
    assert read_snapshot(folder, LocalEngines()).manifest.projection_version == 1
    for view in (opened(catalog, folder), opened(catalog, None)):
        assert view.facts().projection_version == 1
    assert opened(catalog, None, projecting="off").facts().projection_version == 0


# Choosing


def test_who_comes_second_takes_what_the_first_has_put() -> None:
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    rows = np.array([vector(n) for n in range(MANY)], np.float32)

    def overtaken() -> Projection | None:
        first = learn([rows[::-1][:LEAST_TO_LEARN]], count=LEAST_TO_LEARN)
        choose(catalog, count=LEAST_TO_LEARN, learn=lambda: first)
        return learn([rows], count=MANY)

    chosen = choose(catalog, count=MANY, learn=overtaken)

    assert (chosen.version, chosen.tried_with) == (1, LEAST_TO_LEARN)
    stored = catalog.projection()
    assert chosen.projection is not None
    assert stored is not None
    assert np.array_equal(chosen.projection.components, stored.components)


def test_a_stored_version_without_columns_says_that_vectors_are_compared_as_they_are(catalog: Catalog) -> None:
    chosen = choose(catalog, count=MANY, learn=lambda: None)
    assert chosen == (None, 1, MANY)
    stored = catalog.projection()
    assert stored is not None
    assert projections.projection_of(stored) is None
    assert projections.projection_of(replace(stored, components=np.eye(D, 2, dtype=np.float32))) is not None


GOLDEN = Path(__file__).parents[2] / "golden" / "projected-0.1.0"


@pytest.mark.parametrize("snapshot", ["read", "lost after the first opening"])
def test_a_golden_collection_of_0_1_0_answers_as_it_did(tmp_path: Path, snapshot: str) -> None:
    place = Path(shutil.copytree(GOLDEN, tmp_path / "golden"))
    queries, keys, similarities = answers_of(place)
    with SqliteCatalog.open(place / "catalog.sqlite") as catalog:
        view = opened(catalog, place / "snapshots")
        assert view.rebuilt_because is None
        if snapshot != "read":
            shutil.rmtree(place / "snapshots")
            view = opened(catalog, place / "snapshots")
        found = view.search(queries, K)
        assert catalog.projection_version() == 1

    assert view.facts().projection_learnt_from == LEARNT_FROM
    assert found.keys.tolist() == keys.tolist()
    np.testing.assert_allclose(found.similarities, similarities, atol=1e-6)  # made on another processor
