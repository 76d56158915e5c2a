"""Full disks and disks that cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import NoCollection, ReadOnly, StorageFailed
from tests.catalogs import known_ids
from tests.unit.catalog.pictures import image_id, made, put


def test_a_full_disk_keeps_nothing_of_the_change_and_all_of_the_rest(small_disk: Path) -> None:
    path = small_disk / "catalog.db"
    with made(path, count=10) as catalog:
        with pytest.raises(StorageFailed, match="disk is full"):
            put(catalog, range(10, 20_000))
        assert known_ids(catalog) == {image_id(n) for n in range(10)}
        before = catalog.facts()
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            for _ in range(1_000):
                file.write(bytes(4096))
        with pytest.raises(StorageFailed, match="disk is full"):
            put(catalog, range(10, 400))
        assert catalog.facts() == before
        filler.unlink()
        put(catalog, range(10, 20))
        assert catalog.facts().images == 20
    with SqliteCatalog.open(path) as catalog:
        assert catalog.facts().images == 20


def test_a_catalog_that_cannot_be_made_on_a_full_disk_is_made_once_there_is_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 * 1024 * 1024 - 8192))
    path = small_disk / "catalog.db"
    with pytest.raises(StorageFailed):
        SqliteCatalog.open(path)
    with pytest.raises(NoCollection):
        SqliteCatalog.open(path, read_only=True)
    filler.unlink()
    made(path, count=1).close()


def test_a_limit_on_the_file_counts_as_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=1).close()
    pages = path.stat().st_size // 8192
    monkeypatch.setattr(
        "lookalike.catalog.sqlite.connections._WRITER_PRAGMAS", (f"PRAGMA max_page_count = {pages + 5}",)
    )
    with SqliteCatalog.open(path) as catalog:
        with pytest.raises(StorageFailed, match="full"):
            put(catalog, range(1000))
        assert known_ids(catalog) == {image_id(0)}
        put(catalog, [1])


def test_a_catalog_on_a_disk_that_cannot_be_written_is_read(
    tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    folder = tmp_path / "collection"
    path = folder / "catalog.db"
    made(path, count=2).close()
    read_only_folder(folder)
    for read_only in (True, False):
        with SqliteCatalog.open(path, read_only=read_only) as catalog:
            assert catalog.facts().images == 2
            with pytest.raises(ReadOnly):
                put(catalog, [3])
            assert catalog.facts().images == 2


def test_a_catalog_is_not_made_where_nothing_can_be_written(
    tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    folder = read_only_folder(tmp_path)
    with pytest.raises(ReadOnly):
        SqliteCatalog.open(folder / "catalog.db")
    with pytest.raises(ReadOnly):
        SqliteCatalog.open(folder / "deeper" / "catalog.db")


def test_nothing_there_to_read_is_told_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NoCollection, match="no collection there"):
        SqliteCatalog.open(tmp_path / "catalog.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_folders_above_a_new_catalog_are_made_and_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    made(tmp_path / "a" / "b c%20?#" / "catalog.db", count=1).close()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed):
        SqliteCatalog.open(tmp_path / "file" / "catalog.db")


def test_a_folder_in_the_place_of_the_catalog_is_told(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").mkdir()
    for read_only in (True, False):
        with pytest.raises(StorageFailed, match="cannot be opened"):
            SqliteCatalog.open(tmp_path / "catalog.db", read_only=read_only)


def test_a_catalog_is_one_file_that_other_programs_can_read(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=2).close()
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT count(*) FROM images").fetchone() == (2,)
    connection.close()
