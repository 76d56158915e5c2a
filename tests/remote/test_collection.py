"""A whole collection over a catalog elsewhere: whatever a collection does is what it does over a local one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.base import Catalog
from lookalike.collection import Collection
from lookalike.core.errors import NotIndexed
from tests.collections import album, new_collection, png, write
from tests.remote.catalog import RemoteCatalog
from tests.remote.database import Database
from tests.remote.line import Line

COUNT = 12
LATE = {"latency_s": 0.0005}
LOSSY = {"latency_s": 0.0002, "chance": 0.004}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    album(folder, COUNT)
    return folder


class Opening:
    """Opens the same collection as often as wanted, as processes on many machines do."""

    def __init__(self, folder: Path, catalog: Callable[[int], Catalog]) -> None:
        self._folder = folder
        self.catalog = catalog
        self._stack = ExitStack()
        self._count = 0

    def __call__(self) -> Collection:
        catalog = self.catalog(self._count)
        made = new_collection(self._folder / f"machine {self._count}", catalog=catalog)
        self._count += 1
        return self._stack.enter_context(made)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(params=["late", "lossy", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    if request.param == "postgres":
        stack = ExitStack()
        made = Opening(tmp_path, postgres_catalogs(request.getfixturevalue("postgres_url"), stack))
    else:
        stack, database, how = ExitStack(), Database(), LATE if request.param == "late" else LOSSY
        made = Opening(tmp_path, lambda n: RemoteCatalog(database, line=Line(**how, seed=n)))
    with stack:
        yield made
        made.close()


def postgres_catalogs(url: str, stack: ExitStack) -> Callable[[int], Catalog]:
    """The same catalog, each time with connections of its own."""
    from lookalike.catalog.postgres.catalogs import open_postgres_catalogs

    def catalog(n: int) -> Catalog:
        places = open_postgres_catalogs(url)
        stack.callback(places.close)
        places.create("photos")
        return places.open("photos")

    return catalog


@pytest.fixture
def collection(opening: Opening) -> Collection:
    return opening()


def hits(collection: Collection, seed: int, **asked: Any) -> list[tuple[str, float]]:
    return [(hit.id, round(hit.similarity, 5)) for hit in collection.search(png(seed), k=COUNT, **asked)]


def test_its_life_is_that_of_a_local_one(collection: Collection, photos: Path, tmp_path: Path) -> None:
    told: list[list[Any]] = []
    with new_collection(tmp_path / "local") as local:
        for one in (collection, local):
            said: list[Any] = []
            report = one.index(photos)
            said += [report.added, report.failed, len(one)]
            said += [hits(one, seed) for seed in range(COUNT)]
            first = hits(one, 0)[0][0]
            one.pictures.label(first, {"kind": "first", "n": 3})
            said += [hits(one, 1, where="kind = first"), one.count(where="n > 2"), one.get(first).image.metadata]
            said += [one.remove(first), len(one), hits(one, 0)]
            with pytest.raises(NotIndexed):
                one.get(first)
            said += [one.add(png(0)), one.get(first).image.metadata, hits(one, 0)]
            said += [one.add(png(100), metadata={"kind": "loose"}), one.count(where="path not exists")]
            said += [hits(one, 5, collapse="group"), one.remove(where="kind = loose")]
            write(photos / "0.png", 200)
            report = one.index(photos)
            said += [report.added + report.updated, report.failed, len(one)]
            one.rebuild()
            said += [hits(one, seed) for seed in (0, 3, 200)]
            said += [one.info().images, one.info().files, len(one.duplicates())]
            told.append(said)
            write(photos / "0.png", 0)
    assert told[0] == told[1]


def test_many_machines_index_the_same_folder_and_each_picture_comes_once(opening: Opening, photos: Path) -> None:
    collections = [opening() for _ in range(3)]
    start = threading.Barrier(3)
    reports: list[Any] = []

    def index(one: Collection) -> None:
        start.wait()
        reports.append(one.index(photos))

    threads = [threading.Thread(target=index, args=(one,)) for one in collections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.failed for report in reports] == [[], [], []]
    assert sum(report.added for report in reports) == COUNT
    assert [len(one) for one in collections] == [COUNT] * 3
    assert hits(collections[0], 4) == hits(collections[1], 4) == hits(collections[2], 4)


def test_what_one_machine_does_the_others_find(opening: Opening, photos: Path) -> None:
    writer, reader = opening(), opening()
    writer.index(photos)
    before = hits(reader, 0)
    assert len(before) == COUNT
    writer.pictures.label(before[0][0], {"a": 1})
    assert hits(reader, 0, where="a = 1") == before[:1]
    writer.remove(before[0][0])
    assert hits(reader, 0) == before[1:]
    writer.add(png(0))
    assert hits(reader, 0) == before
    writer.rebuild()
    assert hits(reader, 0) == before


def test_a_block_that_another_one_keeps_open_holds_up_no_search_and_is_found_when_it_commits(
    opening: Opening, photos: Path
) -> None:
    first = opening()
    first.index(photos)
    catalog = opening.catalog(99)
    found = first.search(png(0), k=COUNT)
    with catalog.transaction() as transaction:
        transaction.remove_images([found[0].id])
        others = opening()
        assert len(others.search(png(0), k=COUNT)) == COUNT
        added = others.add(png(300))
        assert others.get(added).image.id == added
    after = {hit.id for hit in others.search(png(0), k=2 * COUNT)}
    assert after == {hit.id for hit in found[1:]} | {added}


def test_a_snapshot_of_a_catalog_elsewhere_is_read_and_caught_up(tmp_path: Path, photos: Path) -> None:
    database = Database()

    def opened() -> Collection:
        return new_collection(tmp_path / "c", catalog=RemoteCatalog(database, line=Line(**LATE)))

    with opened() as first:
        first.index(photos)
        before = hits(first, 2)
    with opened() as again:
        again.add(png(100))
        assert [hit for hit in hits(again, 2) if hit in before] != []
        assert again.info().rebuilt_because is None
        assert len(again.search(png(2), k=2 * COUNT)) == COUNT + 1


def test_where_the_database_was_put_back_from_a_copy_the_index_is_made_anew(tmp_path: Path, photos: Path) -> None:
    """Under an open collection, and under a snapshot: what was taken in of the other history is gone."""
    database = Database()
    with new_collection(tmp_path / "c", catalog=RemoteCatalog(database)) as collection:
        collection.index(photos)
        copy = database.committed
        before = hits(collection, 7)
        collection.add(png(500))
        assert len(collection.search(png(500), k=2 * COUNT)) == COUNT + 1
        groups = collection._parts.view.groups()
        database.put_back(copy)
        assert hits(collection, 7) == before
        assert collection._parts.view.groups() is not groups
    database.put_back(copy)
    with new_collection(tmp_path / "c", catalog=RemoteCatalog(database)) as again:
        assert hits(again, 7) == before
        assert "another history" in (again.info().rebuilt_because or "")
