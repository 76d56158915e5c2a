"""One process writes, many read."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.core.ending import Ending, ending
from lookalike.core.errors import CollectionError, DeadlineExceeded, Locked, NoCollection, ReadOnly
from tests.catalogs import known_ids
from tests.processes import ended, next_line
from tests.unit.catalog.pictures import image_id, made, put, started

HOLDS = """
catalog = SqliteCatalog.open(Path(sys.argv[1]))
with catalog.transaction() as transaction:
    print("holds", flush=True)
    sys.stdin.readline()
    transaction.put_images([image(7)], np.ones((1, D), np.float16))
print("committed", flush=True)
sys.stdin.readline()
"""


def held_by_another(folder: Path, *, count: int = 0) -> tuple[Path, subprocess.Popen[str]]:
    """A catalog of so many pictures, and a process that writes to it until it reads a line."""
    path = folder / "catalog.db"
    made(path, count=count).close()
    other = started(HOLDS, path)
    assert next_line(other) == "holds"
    return path, other


def test_a_second_process_is_told_who_is_writing_while_readers_go_on(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path, count=3)
    with SqliteCatalog.open(path, lock_wait_s=0.05) as catalog:
        with pytest.raises(Locked, match=f"process {other.pid} on .* since 20.*try again"):
            put(catalog, [8])
        assert catalog.facts().images == 3
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        assert next_line(other) == "committed"
        assert image_id(7) in known_ids(catalog)
        put(catalog, [8])  # the lock is held for a commit and no longer
        assert ended(other) == 0
        assert catalog.facts().images == 5


def test_a_second_process_that_will_not_wait_is_told_at_once(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path)
    with (
        SqliteCatalog.open(path, lock_wait_s=3600) as catalog,
        pytest.raises(Locked),
        catalog.transaction(wait=False),
    ):
        pass
    assert ended(other) == 0


def test_who_will_not_wait_is_told_at_once_although_another_thread_waits(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path)
    with SqliteCatalog.open(path, lock_wait_s=3600) as catalog:
        waiting = threading.Thread(target=put, args=(catalog, [8]))
        waiting.start()
        told: list[Locked] = []
        asking = threading.Thread(target=_ask_without_waiting, args=(catalog, told, 20))
        asking.start()
        asking.join(60)
        is_told, still_waits = not asking.is_alive(), waiting.is_alive()
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        waiting.join()
        asking.join()
    assert is_told
    assert still_waits
    assert len(told) == 20
    assert ended(other) == 0


def _ask_without_waiting(catalog: SqliteCatalog, told: list[Locked], times: int) -> None:
    for _ in range(times):
        try:
            with catalog.transaction(wait=False):
                pass
        except Locked as error:
            told.append(error)


def test_a_collection_whose_folder_became_a_file_is_told_as_gone(tmp_path: Path) -> None:
    path = tmp_path / "photos" / "catalog.db"
    lock = writer_lock(path)
    path.parent.write_bytes(b"")
    with pytest.raises(NoCollection), lock.holding(wait_s=0.0):
        pass


def test_who_waits_long_enough_gets_its_turn(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path)
    with SqliteCatalog.open(path, lock_wait_s=60) as catalog:
        waiting = threading.Thread(target=put, args=(catalog, [8]))
        waiting.start()
        assert ended(other) == 0
        waiting.join()
        assert known_ids(catalog) == {image_id(7), image_id(8)}


BUSY = """
import threading
catalog = SqliteCatalog.open(Path(sys.argv[1]), lock_wait_s=60)
stop = threading.Event()
def write(number):
    while not stop.is_set():
        put(catalog, [number])
threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
print("busy", flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
"""


def test_processes_that_commit_without_a_pause_do_not_keep_another_from_writing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    others = [started(BUSY, path) for _ in range(2)]
    assert [next_line(other) for other in others] == ["busy", "busy"]
    with SqliteCatalog.open(path) as catalog:
        for number in range(10, 20):
            put(catalog, [number])
        assert [ended(other) for other in others] == [0, 0]
        assert known_ids(catalog) == {image_id(n) for n in (0, 1, 2, *range(10, 20))}


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path)
    other.kill()
    ended(other)
    with SqliteCatalog.open(path, lock_wait_s=0) as catalog:
        put(catalog, [8])


def test_two_catalogs_of_one_process_on_one_file_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with made(path) as one, SqliteCatalog.open(link) as two:
        threads = [threading.Thread(target=put, args=(catalog, [n])) for n, catalog in enumerate([one, two] * 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.facts() == two.facts()
        assert one.facts().images == 6


@pytest.fixture
def writes(tmp_path: Path) -> Iterator[SqliteCatalog]:
    """A catalog to which another thread of this process writes all the while."""
    began, over = threading.Event(), threading.Event()

    def write() -> None:
        with catalog.transaction():
            began.set()
            over.wait(60)

    with made(tmp_path / "catalog.db") as catalog:
        thread = threading.Thread(target=write)
        thread.start()
        began.wait(60)
        yield catalog
        over.set()
        thread.join()
        put(catalog, [8])  # nobody has kept it


def test_another_thread_is_waited_for_no_longer_than_another_process(writes: SqliteCatalog) -> None:
    with SqliteCatalog.open(writes.path, lock_wait_s=0.1) as catalog:
        with pytest.raises(Locked, match=r"another thread .* try again"):
            put(catalog, [7])
        with pytest.raises(Locked), catalog.transaction(wait=False):
            pass


def test_another_thread_is_waited_for_no_longer_than_the_work_may_last(writes: SqliteCatalog) -> None:
    soon = Ending(time.monotonic() + 0.1, lambda: True)
    with (
        SqliteCatalog.open(writes.path, lock_wait_s=3600) as catalog,
        ending(soon),
        pytest.raises(DeadlineExceeded),
    ):
        put(catalog, [7])


def test_another_process_is_waited_for_no_longer_than_the_work_may_last(tmp_path: Path) -> None:
    path, other = held_by_another(tmp_path)
    soon = Ending(time.monotonic() + 0.1, lambda: True)
    with SqliteCatalog.open(path, lock_wait_s=3600) as catalog, ending(soon), pytest.raises(DeadlineExceeded):
        put(catalog, [8])
    assert ended(other) == 0


def test_a_thread_that_commits_without_a_pause_keeps_no_other_from_writing(tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        n = 100
        while not over.is_set():
            put(catalog, [n := n + 1])

    with made(tmp_path / "catalog.db") as catalog:
        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for n in range(20):
                put(catalog, [n])
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert {image_id(n) for n in range(20)} <= known_ids(catalog)


def test_a_transaction_inside_another_one_is_told(tmp_path: Path) -> None:
    with made(tmp_path / "catalog.db") as catalog:
        with (
            catalog.transaction(),
            pytest.raises(CollectionError, match="inside another"),
            catalog.transaction(),
        ):
            pass
        put(catalog, [1])


def test_a_forked_child_does_not_believe_that_it_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    program = """
catalog = made(Path(sys.argv[1]))
with catalog.transaction():
    child = os.fork()
    if child == 0:
        from lookalike.core.errors import Locked
        try:
            with SqliteCatalog.open(Path(sys.argv[1]), lock_wait_s=0).transaction():
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
    with made(path) as catalog, catalog.transaction():
        signature = os.pread(os.open(f"{path}.lock", os.O_RDONLY), 200, 0)
    assert f"process {os.getpid()} ".encode() in signature


def test_a_lock_file_on_a_full_disk_keeps_nobody_from_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.db"
    with made(path) as catalog:

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "pwrite", full)
        put(catalog, [1])
        assert known_ids(catalog) == {image_id(1)}


def test_an_earlier_version_that_keeps_the_lock_for_a_run_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    program = """
import fcntl
with open(sys.argv[1] + ".lock", "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("holds", flush=True)
    sys.stdin.readline()
"""
    other = started(program, path)
    assert next_line(other) == "holds"
    with SqliteCatalog.open(path, lock_wait_s=0) as catalog:
        with pytest.raises(Locked):
            put(catalog, [1])
        assert ended(other) == 0
        put(catalog, [1])
