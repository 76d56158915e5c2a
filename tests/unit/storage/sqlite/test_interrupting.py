"""Statements end when nobody wants their result any more."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.core.ending import Ending, check_wanted, ending
from lookalike.core.errors import DeadlineExceeded
from lookalike.storage.sqlite import interrupting as module
from lookalike.storage.sqlite.file import SqliteFile

FOR_EVER = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
WANTED = Ending(None, lambda: True)


def soon(seconds: float = 0.2) -> Ending:
    return Ending(time.monotonic() + seconds, lambda: True)


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    return SqliteFile(
        tmp_path / "some.sqlite", what="thing", application_id=7, migrations=[["CREATE TABLE t (x)"]], busy_wait_s=60.0
    )


def test_a_statement_is_interrupted_at_the_deadline_and_the_next_is_not(file: SqliteFile) -> None:
    with ending(soon()), pytest.raises(DeadlineExceeded, match="within the time"), file.reading() as connection:
        connection.execute(FOR_EVER).fetchone()
    with file.reading() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == 0
    file.close()


def test_a_statement_is_interrupted_when_its_caller_leaves(file: SqliteFile) -> None:
    left = threading.Event()
    threading.Timer(0.2, left.set).start()
    with (
        ending(Ending(None, lambda: not left.is_set())),
        pytest.raises(DeadlineExceeded),
        file.reading() as connection,
    ):
        connection.execute(FOR_EVER).fetchone()
    file.close()


def test_a_statement_that_is_half_read_at_the_end_does_not_hide_that_it_was_late(file: SqliteFile) -> None:
    with ending(soon()), pytest.raises(DeadlineExceeded, match="within the time"):
        _stop_half_way(file)
    with file.reading() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 60_000
    file.close()


def _stop_half_way(file: SqliteFile) -> None:
    with file.reading() as connection:
        half_read = connection.execute("SELECT 1 UNION ALL SELECT 2")
        half_read.fetchone()
        while True:  # until the end, and until whoever interrupts has come by
            time.sleep(0.01)
            try:
                connection.execute("SELECT 1")
            except sqlite3.OperationalError:
                check_wanted()


def test_no_view_lasts_so_long_that_others_could_not_write(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_VIEW_S", 0.2)
    with ending(WANTED), pytest.raises(DeadlineExceeded, match="ask for less at a time"), file.reading() as connection:
        connection.execute(FOR_EVER).fetchone()
    file.close()


def test_a_file_that_another_keeps_is_waited_for_no_longer_than_the_work_may_take(file: SqliteFile) -> None:
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with ending(soon()), pytest.raises(DeadlineExceeded), file.reading() as connection:
            connection.execute("SELECT * FROM t").fetchall()
        other.execute("ROLLBACK")
    with file.reading() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 60_000
        assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == 0
    file.close()


def test_what_changes_something_is_not_interrupted(file: SqliteFile) -> None:
    with ending(soon(0.0)), file.writing() as connection:
        connection.execute(
            "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) "
            "SELECT i FROM n"
        )
    with file.reading() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == 200_000
    file.close()
