from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.storage.sqlite.copying import copy_database, unchanging
from tests.unit.storage.modes import mode_of


def connected(path: Path, *, timeout: float = 30.0) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=timeout)
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    return connection


def database(path: Path) -> Path:
    with closing(connected(path)) as connection:
        connection.execute("CREATE TABLE numbers (n)")
        connection.execute("INSERT INTO numbers VALUES (1)")
    return path


def numbers(path: Path) -> list[int]:
    with closing(connected(path)) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


def test_nothing_is_committed_to_files_that_are_held_and_everybody_reads(tmp_path: Path) -> None:
    one, two = database(tmp_path / "one"), database(tmp_path / "two")
    with unchanging(one, two):
        for path in (one, two):
            with (
                closing(connected(path, timeout=0.05)) as writer,
                pytest.raises(sqlite3.OperationalError, match="locked"),
            ):
                writer.execute("INSERT INTO numbers VALUES (2)")
            assert numbers(path) == [1]
    with closing(connected(one)) as writer:
        writer.execute("INSERT INTO numbers VALUES (2)")
    assert numbers(one) == [1, 2]


def test_who_wants_to_commit_does_so_when_they_are_let_go_of(tmp_path: Path) -> None:
    path = database(tmp_path / "one")
    begun = threading.Event()

    def write() -> None:
        with closing(connected(path)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO numbers VALUES (2)")
            begun.set()
            writer.execute("COMMIT")

    with unchanging(path) as (connection,):
        writing = threading.Thread(target=write)
        writing.start()
        assert begun.wait(30)
        copy_database(connection, tmp_path / "copy")
    writing.join(30)

    assert numbers(tmp_path / "copy") == [1]
    assert numbers(path) == [1, 2]


def test_a_copy_is_for_its_owner_alone_and_takes_the_place_of_nothing(tmp_path: Path) -> None:
    path = database(tmp_path / "one")
    with unchanging(path) as (connection,):
        copy_database(connection, tmp_path / "copy")
        with pytest.raises(FileExistsError):
            copy_database(connection, tmp_path / "copy")
    assert mode_of(tmp_path / "copy") == 0o600


def test_what_a_dead_process_left_half_written_is_undone_first(tmp_path: Path) -> None:
    path = database(tmp_path / "one")
    with closing(connected(path)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("PRAGMA cache_spill = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.executemany("INSERT INTO numbers VALUES (?)", [(str(n) * 500,) for n in range(2, 300)])
        for name in ("one", "one-journal"):  # as they lie there while the write is under way
            (tmp_path / f"dead-{name}").write_bytes((tmp_path / name).read_bytes())
        writer.execute("ROLLBACK")
    with unchanging(tmp_path / "dead-one") as (connection,):
        copy_database(connection, tmp_path / "copy")
    assert numbers(tmp_path / "copy") == [1]
