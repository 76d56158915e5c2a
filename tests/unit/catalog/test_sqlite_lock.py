"""One process writes, many read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import Locked, ReadOnly
from tests.unit.catalog.pictures import ended, image_id, made, next_line, put, started

HOLDS = """
catalog = SqliteCatalog.open(Path(sys.argv[1]))
with catalog.writing():
    print("holds", flush=True)
    sys.stdin.readline()
    put(catalog, [7])
    print("put", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_told_who_is_writing_while_readers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=3).close()
    other = started(HOLDS, path)
    assert next_line(other) == "holds"
    with SqliteCatalog.open(path, lock_wait_s=0.05) as catalog:
        with pytest.raises(Locked, match=f"process {other.pid} on .* since 20"):
            put(catalog, [8])
        with pytest.raises(Locked, match="try again"), catalog.writing():
            pass
        assert catalog.facts().images == 3
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        assert next_line(other) == "put"
        assert image_id(7) in catalog.known_ids()
        with pytest.raises(Locked):  # it holds on between its transactions
            put(catalog, [8])
        assert ended(other) == 0
        put(catalog, [8])
        assert catalog.facts().images == 5


def test_who_waits_long_enough_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    other = started(HOLDS, path)
    assert next_line(other) == "holds"
    with SqliteCatalog.open(path, lock_wait_s=60) as catalog:
        waiting = threading.Thread(target=put, args=(catalog, [8]))
        waiting.start()
        assert ended(other) == 0
        waiting.join()
        assert catalog.known_ids() == {image_id(7), image_id(8)}


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    other = started(HOLDS, path)
    assert next_line(other) == "holds"
    other.kill()
    ended(other)
    with SqliteCatalog.open(path, lock_wait_s=0) as catalog:
        put(catalog, [8])


def test_two_catalogs_of_one_process_on_one_file_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with made(path) as one, SqliteCatalog.open(link, lock_wait_s=0) as two, one.writing():
        threads = [threading.Thread(target=put, args=(catalog, [n])) for n, catalog in enumerate([one, two] * 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.facts() == two.facts()
        assert one.facts().images == 6


def test_a_forked_child_does_not_believe_that_it_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    program = """
catalog = made(Path(sys.argv[1]))
with catalog.writing():
    child = os.fork()
    if child == 0:
        from lookalike.core.errors import Locked
        try:
            with SqliteCatalog.open(Path(sys.argv[1]), lock_wait_s=0).writing():
                os._exit(1)
        except Locked:
            os._exit(42)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert ended(started(program, path)) == 42


def test_a_catalog_opened_for_reading_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=1).close()
    with SqliteCatalog.open(path, read_only=True) as catalog:
        assert catalog.facts().images == 1
        with pytest.raises(ReadOnly, match="reading only"):
            put(catalog, [1])
        with pytest.raises(ReadOnly, match="reading only"), catalog.writing():
            pass


def test_a_foreign_program_that_writes_is_told_apart_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    program = """
import sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("holds", flush=True)
sys.stdin.readline()
"""
    other = started(program, path)
    assert next_line(other) == "holds"
    with pytest.raises(Locked, match="another program"):
        SqliteCatalog.open(path, busy_wait_s=0.05)
    assert ended(other) == 0
    SqliteCatalog.open(path).close()


def test_the_lock_file_beside_the_catalog_says_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with made(path) as catalog, catalog.writing():
        signature = os.pread(os.open(f"{path}.lock", os.O_RDONLY), 200, 0)
    assert f"process {os.getpid()} ".encode() in signature
