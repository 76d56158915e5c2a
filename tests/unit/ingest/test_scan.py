"""Found files are looked up some at a time, and what is lost is gone through in batches: nothing is loaded whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.ingest import ingest_batches, lost_files, scan
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.ingest_report import IngestReport
from lookalike.ingest.metadata import apply_metadata, read_metadata
from lookalike.ingest.prune import Steady
from lookalike.parts.parts import Parts
from tests.collections import album, new_parts, write, write_bytes

N = 20


class Counted:
    """A catalog of which it is noted how much each read has given."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.most: dict[str, int] = {}
        self.gone_through: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._catalog, name)
        if name not in ("files_at", "refused_at", "images", "keys", "files_of", "files", "refused", "all_images"):
            return found

        def noted(*given: Any, **options: Any) -> Any:
            if name in ("files", "refused", "all_images"):
                self.gone_through.append(name)
            else:
                self.most[name] = max(self.most.get(name, 0), len(given[0]))
            return found(*given, **options)

        return noted


@pytest.fixture(params=["sqlite", "memory"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    (tmp_path / "c").mkdir()
    return new_parts(tmp_path / "c" if request.param == "sqlite" else None)


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PATHS_AT_ONCE", 3)
    monkeypatch.setattr("lookalike.ingest.ingest.PATHS_AT_ONCE", 3)
    monkeypatch.setattr(ingest_batches, "_PATHS_AT_ONCE", 3)
    monkeypatch.setattr(lost_files, "_AT_ONCE", 3)


def run(parts: Parts, folder: Path, **options: Any) -> tuple[IngestReport, Counted]:
    counted = Counted(parts.catalog)
    counting = replace(parts, catalog=cast("Any", counted))
    return ingest([folder], counting, options=IngestOptions(**options)), counted


def test_what_is_looked_up_at_a_time_does_not_grow_with_the_folder(parts: Parts, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    album(photos / "a", N)
    album(photos / "b", N)
    report, counted = run(parts, photos)
    assert report.added == N
    assert report.recognised == N
    report, counted = run(parts, photos)
    assert report.unchanged == 2 * N
    assert counted.most["files_at"] <= 3
    assert counted.gone_through == []  # where nothing is missing, no more is read than what was found


def test_what_is_gone_is_found_in_batches_and_what_is_there_stays(parts: Parts, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    album(photos, N)
    write_bytes(photos / "broken.png", b"\x89PNG\r\n\x1a\n and no more")
    run(parts, photos)
    gone = [*(photos / f"{n}.png" for n in range(0, N, 2)), photos / "broken.png"]
    for path in gone:
        path.unlink()
    write(photos / "new.png", 99)

    report, counted = run(parts, photos, prune=True, dry_run=True)
    assert (report.removed, report.added, report.unchanged) == (N // 2, 1, N // 2)
    report, counted = run(parts, photos, prune=True)
    assert (report.removed, report.added, report.unchanged) == (N // 2, 1, N // 2)
    assert sorted(counted.gone_through) == ["files", "refused"]
    assert {file.path for file in parts.catalog.files()} == {str(path) for path in photos.iterdir()}
    assert list(parts.catalog.refused()) == []


def test_files_of_other_folders_are_not_gone_through(parts: Parts, tmp_path: Path) -> None:
    album(tmp_path / "one", 3)
    album(tmp_path / "other", 3)
    for name in ("one", "other"):
        run(parts, tmp_path / name)
    (tmp_path / "other" / "0.png").unlink()
    _, counted = run(parts, tmp_path / "one", prune=True)
    assert counted.gone_through == []
    assert len(list(parts.catalog.files())) == 6


def test_of_many_files_that_hold_what_they_held_only_folders_and_what_is_watched_are_kept() -> None:
    steady = Steady(["/a/b/5", "/a/x"])
    for n in range(100):
        steady.add(f"/a/b/{n}")
    steady.add("/c/1")
    assert steady.folders == {"/a/b", "/a", "/", "/c"}
    assert steady.seen == {"/a/b/5"}


def test_a_table_finds_its_pictures_among_many_and_counts_the_others(tmp_path: Path, parts: Parts) -> None:
    catalog = parts.catalog
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(N)]
    embedder = parts.embedder.card
    paths = [str(tmp_path / "photos" / f"{n // 5}" / f"{n}.jpg") for n in range(N)]
    with catalog.transaction() as transaction:
        transaction.put_images(
            [ImageRecord(one, 1, 1, "jpeg", 1) for one in ids], np.ones((N, embedder.dimension), np.float16)
        )
        transaction.put_files([FileRecord(path, one, 1, 1) for path, one in zip(paths, ids, strict=True)])
        transaction.put_files([FileRecord(f"{paths[0]}.copy.jpg", ids[0], 1, 1)])
    by_id = read_metadata(write_bytes(tmp_path / "ids.csv", f"id,label\n{ids[3]},by id".encode()))
    report = apply_metadata(catalog, by_id)
    assert (report.matched, report.changed, report.without_row) == (1, 1, N - 1)

    table = tmp_path / "paths.csv"
    table.write_text("path,label\n1/7.jpg,tail\nphotos/0/1.jpg,whole\n2/11.JPEG,meant\nnone.jpg,no\n")
    report = apply_metadata(catalog, read_metadata(table))
    assert (report.matched, report.without_row) == (2, N - 2)
    assert [row.reason for row in report.unused] == [f"no such picture; did you mean {paths[11]}?", "no such picture"]
    assert report.without_row_examples == sorted([paths[n] for n in range(N) if n not in (1, 7)])[:5]
