"""A SQLite file that many write: formats, full disks, other kinds of files, closing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lookalike.core.errors import BadInput, FormatTooNew, Locked, ReadOnly, StorageFailed
from lookalike.storage.sqlite.errors import DamagedRow, decoding, translating
from lookalike.storage.sqlite.file import SqliteFile

FIRST = ("CREATE TABLE notes (text TEXT)",)
SECOND = ("ALTER TABLE notes ADD COLUMN n INTEGER NOT NULL DEFAULT 7",)


def opened(path: Path, *migrations: tuple[str, ...], application_id: int = 77, busy_wait_s: float = 5.0) -> SqliteFile:
    return SqliteFile(
        path,
        what="notebook",
        application_id=application_id,
        migrations=migrations or (FIRST,),
        busy_wait_s=busy_wait_s,
    )


def write(file: SqliteFile, text: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))


def texts(file: SqliteFile) -> list[str]:
    with file.reading() as connection:
        return [row["text"] for row in connection.execute("SELECT text FROM notes")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "notes #1?.db"


def test_what_was_written_is_there_again(path: Path) -> None:
    with closing(opened(path)) as file:
        write(file, "one")
    with closing(opened(path)) as file:
        assert texts(file) == ["one"]


def test_only_its_owner_may_read_it(path: Path) -> None:
    opened(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_it_is_durable_and_has_no_write_ahead_log(path: Path) -> None:
    with closing(opened(path)) as file, file.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "truncate"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_a_block_that_raises_leaves_nothing_behind(path: Path) -> None:
    with closing(opened(path)) as file:
        with suppress(ZeroDivisionError), file.writing() as connection:
            connection.execute("INSERT INTO notes VALUES ('half')")
            raise ZeroDivisionError
        write(file, "whole")
        assert texts(file) == ["whole"]


def test_an_older_format_is_brought_up_to_date_and_keeps_what_it_holds(path: Path) -> None:
    with closing(opened(path)) as file:
        write(file, "one")
    with closing(opened(path, FIRST, SECOND)) as file, file.reading() as connection:
        assert [tuple(row) for row in connection.execute("SELECT text, n FROM notes")] == [("one", 7)]


def test_a_newer_format_is_refused(path: Path) -> None:
    opened(path, FIRST, SECOND).close()
    with pytest.raises(FormatTooNew, match=r"format 2; this one knows up to 1.*upgrade"):
        opened(path)


def test_another_kind_of_file_is_refused_and_left_as_it_is(path: Path) -> None:
    opened(path, application_id=78).close()
    foreign, text, folder = path.parent / "foreign.db", path.parent / "text", path.parent / "sub"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE t (x)")
    text.write_bytes(b"not a database " * 1_000)
    folder.mkdir()
    for other in (path, foreign, text, folder):
        before = b"" if other is folder else other.read_bytes()
        with pytest.raises(StorageFailed):
            opened(other)
        assert other is folder or other.read_bytes() == before


def test_a_folder_that_is_a_file_is_refused(path: Path) -> None:
    path.parent.write_bytes(b"")
    with pytest.raises(StorageFailed):
        opened(path)


def test_a_full_disk_keeps_nothing_of_the_change_and_all_of_the_rest(small_disk: Path) -> None:
    with closing(opened(small_disk / "notes.db")) as file:
        write(file, "one")
        with pytest.raises(StorageFailed, match="disk is full"):
            write(file, "x" * 3_000_000)
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as filling:
            for _ in range(1_000):
                filling.write(bytes(4096))
        with pytest.raises(StorageFailed, match="disk is full"):
            write(file, "x" * 100_000)
        assert texts(file) == ["one"]
        filler.unlink()
        write(file, "two")
        assert texts(file) == ["one", "two"]


def test_a_file_that_cannot_be_made_for_want_of_room_is_made_later(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 * 1024 * 1024 - 4096))
    with pytest.raises(StorageFailed):
        opened(small_disk / "notes.db")
    filler.unlink()
    opened(small_disk / "notes.db").close()


def test_a_folder_that_cannot_be_written_is_told(path: Path, read_only_folder: Callable[[Path], Path]) -> None:
    opened(path).close()
    read_only_folder(path.parent)
    with closing(opened(path)) as file:
        assert texts(file) == []
        with pytest.raises((ReadOnly, StorageFailed)):
            write(file, "one")
    with pytest.raises((ReadOnly, StorageFailed)):
        opened(path.parent / "another.db")


def test_whoever_waits_too_long_for_another_writer_is_told_so(path: Path) -> None:
    with closing(opened(path)) as one, closing(opened(path, busy_wait_s=0.05)) as other:
        with one.writing(), pytest.raises(Locked, match="other processes"):
            write(other, "two")
        write(other, "two")
        assert texts(one) == ["two"]


def test_a_reader_sees_one_state_while_another_thread_writes(path: Path) -> None:
    with closing(opened(path)) as file:
        with file.reading() as connection:
            assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] == 0
            writer = threading.Thread(target=write, args=(file, "one"))
            writer.start()
            assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] == 0
        writer.join(20)
        assert texts(file) == ["one"]


def test_a_file_that_is_closed_says_so_and_is_closed_twice(path: Path) -> None:
    file = opened(path)
    file.close()
    file.close()
    for use in (lambda: texts(file), lambda: write(file, "x")):
        with pytest.raises(StorageFailed, match="closed"):
            use()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFailed),
        (sqlite3.SQLITE_IOERR | 4 << 8, StorageFailed),
        (sqlite3.SQLITE_CORRUPT | 1 << 8, StorageFailed),
        (sqlite3.SQLITE_NOTADB, StorageFailed),
        (sqlite3.SQLITE_BUSY | 1 << 8, Locked),
        (sqlite3.SQLITE_READONLY | 3 << 8, ReadOnly),
        (sqlite3.SQLITE_TOOBIG, BadInput),
        (sqlite3.SQLITE_MISUSE, StorageFailed),
    ],
)
def test_each_error_of_sqlite_is_one_of_ours(code: int, kind: type[Exception]) -> None:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    with pytest.raises(kind, match=r"notes\.db: .*what SQLite said"), translating(Path("notes.db")):
        raise error


def test_a_row_that_cannot_be_understood_is_damage() -> None:
    with pytest.raises(DamagedRow, match="ValueError"), decoding():
        int("x")
