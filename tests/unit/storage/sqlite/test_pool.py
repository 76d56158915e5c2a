"""Connections are lent to one thread at a time, and closed when they come back late."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.storage.sqlite.connection import Connection, connect
from lookalike.storage.sqlite.pool import Pool


def made(path: Path) -> Path:
    connection = connect(path, busy_wait_s=5.0, pragmas=("CREATE TABLE t (x)",), create=True)
    connection.close()
    return path


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(made(tmp_path / "some.sqlite"), what="thing", error=StorageFailed, busy_wait_s=5.0)
    yield pool
    pool.close()


def count(pool: Pool) -> int:
    with pool.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def add(pool: Pool) -> None:
    with pool.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")


def test_a_transaction_within_another_of_its_thread_is_refused_and_the_outer_one_goes_on(pool: Pool) -> None:
    with pool.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StorageFailed, match="inside another"), pool.writing():
            pass
    assert count(pool) == 1


def test_threads_write_in_turn(pool: Pool) -> None:
    threads, times = 4, 10
    writing = [threading.Thread(target=lambda: [add(pool) for _ in range(times)]) for _ in range(threads)]
    for one in writing:
        one.start()
    for one in writing:
        one.join()
    assert count(pool) == threads * times


def test_what_reads_cannot_write(pool: Pool) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"), pool.reading() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert count(pool) == 0


def test_what_is_lent_when_it_is_closed_is_closed_when_it_comes_back(pool: Pool) -> None:
    with pool.writing() as writer, pool.reading() as reader:
        assert writer is not reader
        pool.close()
        assert reader.is_open
        reader.execute("SELECT count(*) FROM t").fetchall()
    assert not reader.is_open
    assert not writer.is_open
    with pytest.raises(StorageFailed, match="the thing is closed"), pool.reading():
        pass
    with pytest.raises(StorageFailed, match="the thing is closed"):
        add(pool)
    pool.close()


def test_one_that_keeps_none_goes_on(pool: Pool) -> None:
    add(pool)
    pool.keep_none()
    with pool.reading() as reader:
        pass
    assert not reader.is_open
    add(pool)
    assert count(pool) == 2


class Guard:
    """Notes what it is told; has another file put there while the first connection is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self.replacing: Callable[[], object] | None = None

    def file(self) -> tuple[int, int]:
        status = os.stat(self.path)
        if self.replacing is not None:
            self.replacing()
            self.replacing = None
        return status.st_dev, status.st_ino

    def begun(self, connection: Connection) -> None:
        self.told.append("begun")
        assert connection.in_transaction

    def committing(self, connection: Connection) -> Callable[[], None]:
        self.told.append("committing")
        assert connection.in_transaction
        return lambda: self.told.append("committed")

    def undoing(self) -> None:
        self.told.append("undoing")


def test_a_guard_is_asked_about_each_block(tmp_path: Path) -> None:
    guard = Guard(made(tmp_path / "some.sqlite"))
    pool = Pool(guard.path, what="thing", error=StorageFailed, busy_wait_s=5.0, guard=guard)
    count(pool)
    add(pool)
    with pytest.raises(ValueError, match="x"), pool.writing():
        raise ValueError("x")
    assert guard.told == ["begun", "begun", "committing", "committed", "begun", "undoing"]
    pool.close()


def test_a_file_that_is_replaced_while_it_is_opened_is_opened_anew(tmp_path: Path) -> None:
    guard, other = Guard(made(tmp_path / "some.sqlite")), made(tmp_path / "other.sqlite")
    other_file = (other.stat().st_dev, other.stat().st_ino)
    guard.replacing = lambda: other.replace(guard.path)
    pool = Pool(guard.path, what="thing", error=StorageFailed, busy_wait_s=5.0, guard=guard)
    with pool.reading() as connection:
        assert connection.file == other_file
    pool.close()
