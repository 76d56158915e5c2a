"""What `check` finds in a file, and who `holder` says is writing."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.core.errors import CatalogDamaged
from tests.processes import ended, next_line
from tests.unit.catalog.pictures import add_further, made, started


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM vectors WHERE key = 2", "1 pictures without a vector"),
        ("UPDATE images SET removed = 1 WHERE key = 2", "1 vectors of pictures that were removed"),
        ("DELETE FROM images WHERE key < 3", "2 rows of files belong to no picture"),
        ("UPDATE vectors SET vector = x'00'", "5 vectors of another width than the model's"),
        ("UPDATE images SET metadata = '{' WHERE key = 2", "1 pictures whose metadata is no JSON object"),
        ("UPDATE images SET metadata = '[1]' WHERE key = 2", "1 pictures whose metadata is no JSON object"),
        ("UPDATE images SET id = 'x' WHERE key = 2", "1 pictures whose id is no SHA-256"),
        (
            "UPDATE settings SET value = '3' WHERE name = 'last_seq'",
            "2 changes with a number beyond the last one given",
        ),
        (
            "DELETE FROM model_vectors WHERE key = 2; UPDATE further_models SET count = 5",
            "1 vectors of further models more",
        ),
        ("UPDATE model_vectors SET vector = x'00'", "5 vectors of further models of another width"),
        (
            "DELETE FROM vectors WHERE key = 2; UPDATE images SET removed = 1 WHERE key = 2",
            "1 vectors of further models of",
        ),
        ("UPDATE settings SET value = '4' WHERE name = 'count images'", "1 pictures more or fewer than were counted"),
        ("UPDATE settings SET value = '7' WHERE name = 'count files'", "2 files more or fewer than were counted"),
        ("DELETE FROM settings WHERE name = 'count refused'", "6 refused files more or fewer than were counted"),
        ("DROP TABLE files", "no such table"),
    ],
)
def test_rows_that_contradict_one_another_are_found(tmp_path: Path, statement: str, finding: str) -> None:
    path = tmp_path / "catalog.db"
    with made(path, count=5) as catalog:
        add_further(catalog)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(statement)
    connection.close()
    with SqliteCatalog.open(path) as catalog:
        assert any(finding in line for line in catalog.check())


def test_damaged_pages_are_found(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=60).close()
    data = bytearray(path.read_bytes())
    unnoticed = []
    for page in range(1, len(data) // 8192):
        damaged = data.copy()
        damaged[page * 8192 : (page + 1) * 8192] = bytes(8192)
        path.write_bytes(damaged)
        with suppress(CatalogDamaged), SqliteCatalog.open(path) as catalog:
            unnoticed += [] if catalog.check() else [page]
    assert unnoticed == []


def test_the_holder_of_the_lock_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    lock = writer_lock(path)
    assert lock.holder() is None
    with made(path) as catalog:
        assert lock.holder() is None
        with catalog.transaction():
            assert "this one" in (lock.holder() or "")
        assert lock.holder() is None
    other = started(
        "catalog = SqliteCatalog.open(Path(sys.argv[1]))\n"
        "with catalog.transaction():\n    print('holds', flush=True)\n    sys.stdin.readline()",
        path,
    )
    assert next_line(other) == "holds"
    assert f"process {other.pid}" in (lock.holder() or "")
    assert ended(other) == 0
    assert lock.holder() is None
