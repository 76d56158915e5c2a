"""Several that write to one collection at the same time, each with a line of its own to a catalog elsewhere.

Whoever commits second begins again. In the end nothing is lost, nothing is there twice, and each was told what is so.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.base import Catalog
from lookalike.core.errors import NotIndexed
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord
from lookalike.images.files import content_id
from lookalike.ingest.add import add_bytes
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.ingest_report import IngestReport
from lookalike.ingest.metadata import apply_metadata, read_metadata
from lookalike.ingest.remove import remove_pictures
from lookalike.objects.memory import MemoryObjects
from lookalike.parts.parts import Parts
from tests.catalogs import known_ids
from tests.collections import album, new_parts, png, write, write_bytes
from tests.contested import contested
from tests.remote.catalog import RemoteCatalog
from tests.remote.database import Database
from tests.remote.line import Line

N = 24


class Place:
    """A database and an object store, to which each who works has a line of their own."""

    def __init__(self) -> None:
        self._database = Database()
        self._objects = MemoryObjects()

    def worker(self, **contest: Any) -> Parts:
        catalog: Catalog = RemoteCatalog(self._database, line=Line(latency_s=0.001))
        parts = new_parts(catalog=catalog)
        watched = contested(catalog, **contest) if contest else catalog
        return replace(parts, objects=self._objects, catalog=watched)


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 4)
    monkeypatch.setattr("lookalike.ingest.remove.AT_ONCE", 3)


def at_once(*work: Callable[[], object]) -> None:
    """Do all of it at the same time; raises what one of them raises."""
    failed: list[BaseException] = []
    together = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        try:
            together.wait()
            one()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def index(parts: Parts, folder: Path, **options: Any) -> tuple[IngestReport, list[FileRecord]]:
    acknowledged: list[FileRecord] = []
    report = ingest([folder], parts, options=IngestOptions(**options), acknowledge=acknowledged.extend)
    assert report.done == report.total
    return report, acknowledged


def check(parts: Parts) -> dict[str, str]:
    """That all holds together; which picture lies in which file."""
    catalog = parts.catalog
    files = list(catalog.files())
    assert max(Counter(one.path for one in files).values(), default=1) == 1
    ids = known_ids(catalog)
    kept = set(parts.objects.ids())
    assert {one.image_id for one in files} <= ids
    assert ids <= {one.image_id for one in files} | kept
    assert catalog.check() == []
    keys = list(catalog.keys(sorted(ids)).values())
    assert len(set(keys)) == len(keys) == len(catalog.vectors(keys).keys)
    return {Path(one.path).name: one.image_id for one in files}


def test_two_runs_of_the_same_folder_bring_each_picture_once(place: Place, tmp_path: Path) -> None:
    album(tmp_path, N)
    write_bytes(tmp_path / "copy.png", png(0))
    write_bytes(tmp_path / "broken.png", png(1)[:40])
    reports: list[tuple[IngestReport, list[FileRecord]]] = []
    at_once(*[lambda: reports.append(index(place.worker(), tmp_path)) for _ in range(2)])

    files = check(place.worker())
    assert len(files) == N + 1
    assert len(set(files.values())) == N
    assert sum(report.added for report, _ in reports) == N
    assert sum(report.recognised for report, _ in reports) == 1
    assert all(len(report.failed) == 1 for report, _ in reports)
    assert {one.path for _, told in reports for one in told} == {str(tmp_path / name) for name in files}
    again, _ = index(place.worker(), tmp_path)
    assert again.unchanged == N + 1


def test_two_runs_of_a_folder_that_changes_leave_it_as_it_is(place: Place, tmp_path: Path) -> None:
    album(tmp_path, N)
    index(place.worker(), tmp_path)
    for n in range(0, N, 3):
        (tmp_path / f"{n}.png").rename(tmp_path / f"renamed-{n}.png")
    for n in range(1, N, 3):
        write(tmp_path / f"{n}.png", 100 + n)
    for n in range(2, N, 6):
        (tmp_path / f"{n}.png").unlink()
    at_once(*[lambda: index(place.worker(), tmp_path, prune=True) for _ in range(2)])

    expected = {path.name: content_id(path.read_bytes()) for path in tmp_path.iterdir()}
    assert check(place.worker()) == expected
    assert known_ids(place.worker().catalog) == set(expected.values())


def test_what_is_added_beside_runs_is_there_and_so_are_its_bytes(place: Place, tmp_path: Path) -> None:
    album(tmp_path, N)
    mine = [png(seed) for seed in (0, 1, 2, 200, 201, 202, 200)]  # some of them lie in files, too
    at_once(
        lambda: index(place.worker(), tmp_path),
        lambda: [add_bytes(data, place.worker(), metadata={"mine": True}) for data in mine],
        lambda: index(place.worker(), tmp_path),
        lambda: [add_bytes(data, place.worker(), metadata={"also": True}) for data in reversed(mine)],
    )
    parts = place.worker()
    assert len(check(parts)) == N
    for data in mine:
        image = parts.catalog.images([content_id(data)])[content_id(data)]
        assert image.metadata == {"mine": True, "also": True}
        assert parts.objects.get(image.id) == data


def test_pictures_that_lose_their_files_while_their_bytes_are_added_stay(place: Place, tmp_path: Path) -> None:
    album(tmp_path, N)
    index(place.worker(), tmp_path)
    for n in range(N - 1):
        (tmp_path / f"{n}.png").unlink()
    at_once(
        lambda: index(place.worker(), tmp_path, prune=True),
        lambda: [add_bytes(png(n), place.worker(), metadata={}) for n in range(0, N, 2)],
    )
    parts = place.worker()
    check(parts)
    assert {content_id(png(n)) for n in range(0, N, 2)} <= known_ids(parts.catalog)


def test_removing_beside_labelling_leaves_no_label_of_what_is_gone_and_loses_none(place: Place, tmp_path: Path) -> None:
    album(tmp_path / "photos", N)
    index(place.worker(), tmp_path / "photos")
    rows = "".join(f"photos/{n}.png,{n}\n" for n in range(N))
    table = read_metadata(write_bytes(tmp_path / "table.csv", b"path,n\n" + rows.encode()))
    label = read_metadata(write_bytes(tmp_path / "more.csv", b"path,m\n" + rows.encode()))
    gone = [str(tmp_path / "photos" / f"{n}.png") for n in range(0, N, 2)]

    def remove() -> None:
        parts = place.worker()
        for path in gone:
            remove_pictures(parts.catalog, parts.objects, named=[path], where=Filter.everything(), forever=False)

    at_once(
        remove,
        lambda: apply_metadata(place.worker().catalog, table),
        lambda: apply_metadata(place.worker().catalog, label),
    )
    parts = place.worker()
    files = check(parts)
    assert sorted(files) == sorted(f"{n}.png" for n in range(1, N, 2))
    images = parts.catalog.images(list(files.values()))
    for name, image_id in files.items():
        assert images[image_id].metadata == {"n": Path(name).stem, "m": Path(name).stem}


def test_two_that_remove_the_same_by_a_filter_count_each_picture_once(place: Place, tmp_path: Path) -> None:
    album(tmp_path, N)
    index(place.worker(), tmp_path)
    add_bytes(png(0), place.worker(), metadata={})
    where, removed = Filter.from_json({"path": {"like": "%"}}), list[int]()

    def remove() -> None:
        parts = place.worker()
        with suppress(NotIndexed):
            removed.append(remove_pictures(parts.catalog, parts.objects, named=(), where=where, forever=True))

    at_once(remove, remove)
    parts = place.worker()
    check(parts)
    assert sum(removed) == N
    assert list(parts.objects.ids()) == []


@pytest.mark.parametrize("each", [2, 3])
def test_who_is_overtaken_all_the_time_still_comes_to_an_end(place: Place, tmp_path: Path, each: int) -> None:
    album(tmp_path, N)
    report, acknowledged = index(place.worker(overtaken=range(1, 1_000, each)), tmp_path)
    assert report.added == len(acknowledged) == len(check(place.worker())) == N
