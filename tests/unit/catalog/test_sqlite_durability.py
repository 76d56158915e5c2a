"""What was committed stays, whatever happens to the process."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import ReadOnly
from lookalike.core.records import START, ChangeKind
from tests.catalogs import known_ids
from tests.processes import ended, next_line
from tests.unit.catalog.pictures import image, image_id, made, put, started

ROUNDS = 6
WRITES_FOR_EVER = """
catalog = SqliteCatalog.open(Path(sys.argv[1]))
n = int(sys.argv[2])
while True:
    put(catalog, range(n, n + 20))
    n += 20
    print(n, flush=True)
"""


def test_everything_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=5).close()
    with SqliteCatalog.open(path) as catalog:
        assert catalog.images([image_id(n) for n in range(5)]) == {image_id(n): image(n) for n in range(5)}
        facts = catalog.facts()
        assert (facts.images, facts.files, facts.refused) == (5, 5, 5)
        assert facts.size_bytes == path.stat().st_size
        with catalog.transaction() as transaction:
            transaction.remove_images([image_id(4)])
    with SqliteCatalog.open(path) as catalog:
        put(catalog, [5])
        assert [(change.key, change.kind) for change in catalog.changes(START).changes[-2:]] == [
            (5, ChangeKind.REMOVED),
            (6, ChangeKind.VECTOR),  # not 5 again
        ]


def test_a_killed_writer_loses_nothing_that_it_had_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    choice = random.Random(0)
    acknowledged = 0
    for _ in range(ROUNDS):
        writer = started(WRITES_FOR_EVER, path, acknowledged)
        acknowledged = int(next_line(writer))
        time.sleep(choice.random() / 5)
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        lines = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        ended(writer)
        acknowledged = max([acknowledged, *map(int, lines)])
        with SqliteCatalog.open(path) as catalog:
            facts = catalog.facts()
            assert facts.images >= acknowledged
            assert facts.images % 20 == 0
            assert facts.images == facts.files == facts.refused == int(catalog.cursor().split()[0])
            assert sum(len(part.keys) for part in catalog.all_vectors()) == facts.images
            assert {image_id(n) for n in range(acknowledged)} <= known_ids(catalog)
            acknowledged = facts.images


def cut_off(path: Path, folder: Path) -> Path:
    """A copy of a catalog in the middle of a commit: pages changed, journal not yet emptied."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")  # so that it writes pages before the end
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE images SET width = 1, metadata = hex(randomblob(500))")
    folder.mkdir()
    copy = folder / path.name
    shutil.copy(f"{path}-journal", f"{copy}-journal")
    shutil.copy(path, copy)
    connection.execute("ROLLBACK")
    connection.close()
    assert Path(f"{copy}-journal").stat().st_size > 0
    assert copy.read_bytes() != path.read_bytes()
    return copy


@pytest.mark.parametrize("read_only", [False, True])
def test_a_commit_that_was_cut_off_is_undone_on_opening_also_by_a_reader(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=100).close()
    copy = cut_off(path, tmp_path / "copy")
    with SqliteCatalog.open(copy, read_only=read_only) as catalog:
        assert catalog.images([image_id(3)]) == {image_id(3): image(3)}
        assert catalog.facts().images == 100


def test_a_commit_that_was_cut_off_on_a_disk_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=100).close()
    copy = cut_off(path, tmp_path / "copy")
    read_only_folder(copy.parent)
    for read_only in (True, False):
        with pytest.raises(ReadOnly, match="cut off"):
            SqliteCatalog.open(copy, read_only=read_only)
