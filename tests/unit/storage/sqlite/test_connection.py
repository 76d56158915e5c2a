"""A connection that leaves no lock to the garbage collector."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.storage.sqlite.connection import Connection, connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "numbers #1?.db"
    with closing(connect(path, busy_wait_s=0, pragmas=(), create=True)) as connection:
        connection.execute("CREATE TABLE numbers (n)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(9)])
    return path


@pytest.fixture
def half_read(path: Path) -> Iterator[Connection]:
    """A connection with a statement that is half read, and whose cursor goes on living."""
    connection = connect(path, busy_wait_s=0, pragmas=())
    connection.execute("BEGIN")
    cursor = connection.execute("SELECT n FROM numbers")
    assert cursor.fetchone() == (0,)
    yield connection
    assert isinstance(cursor, sqlite3.Cursor)  # held until here
    connection.close()


def write(path: Path) -> None:
    with closing(connect(path, busy_wait_s=0, pragmas=())) as other:
        other.execute("INSERT INTO numbers VALUES (10)")


@pytest.mark.parametrize("end", [Connection.undo, Connection.close])
def test_a_half_read_statement_holds_no_lock_once_its_transaction_or_connection_has_ended(
    path: Path, half_read: Connection, end: Callable[[Connection], None]
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write(path)
    end(half_read)
    write(path)


def test_what_was_written_is_undone_and_the_connection_can_be_used_again(path: Path) -> None:
    with closing(connect(path, busy_wait_s=0, pragmas=())) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM numbers")
        connection.undo()
        connection.undo()
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (9,)


def test_a_file_that_is_not_there_is_made_only_where_that_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        connect(tmp_path / "nowhere.db", busy_wait_s=0, pragmas=())
    assert not (tmp_path / "nowhere.db").exists()


def test_a_file_that_cannot_be_set_up_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Connection] = []
    close = Connection.close
    monkeypatch.setattr(Connection, "close", lambda self: closed.append(self) or close(self))
    (tmp_path / "text.db").write_bytes(b"no database " * 1_000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(tmp_path / "text.db", busy_wait_s=0, pragmas=("PRAGMA journal_mode = TRUNCATE",))
    assert len(closed) == 1
