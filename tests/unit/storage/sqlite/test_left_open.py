"""A connection that nobody has closed is told on every Python, and fails the tests."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.storage.sqlite.connection import connect

ROOT = Path(__file__).parents[4]


def of_ours(path: Path) -> sqlite3.Connection:
    return connect(path, busy_wait_s=0, pragmas=(), create=True)


def of_the_standard_library(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path)


def leave(*connections: sqlite3.Connection) -> None:
    """Have them collected: a connection refers to itself."""
    del connections
    gc.collect()


WAYS = [of_ours, of_the_standard_library]


@pytest.mark.parametrize("made", WAYS)
def test_it_is_told_when_it_is_collected_and_with_where_it_was_made(
    tmp_path: Path, made: Callable[[Path], sqlite3.Connection]
) -> None:
    with pytest.warns(ResourceWarning, match=r"unclosed database .*test_left_open\.py:\d+.* in .*test_left_open\.py::"):
        leave(made(tmp_path / "numbers.db"))


@pytest.mark.parametrize("made", WAYS)
def test_one_that_was_closed_or_never_opened_is_not(
    tmp_path: Path, made: Callable[[Path], sqlite3.Connection], recwarn: pytest.WarningsRecorder
) -> None:
    made(tmp_path / "numbers.db").close()
    with pytest.raises(sqlite3.OperationalError):
        made(tmp_path / "nowhere" / "numbers.db")
    gc.collect()
    assert recwarn.list == []


def test_it_fails_the_session_also_where_no_test_comes_behind(tmp_path: Path) -> None:
    (tmp_path / "test_leaving.py").write_text(
        "import sqlite3\nfrom tests.unclosed import watch_connections\nwatch_connections()\n"
        "def test_leaving():\n    left = [sqlite3.connect(':memory:')]\n    left.append(left)\n"
    )
    arguments = ["-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    assert "unclosed database" in done.stdout + done.stderr
