"""A lock is held by one thread of one process, and waited for in turn; the tests of the catalog's lock say more."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lookalike.core.ending import Ending, ending
from lookalike.core.errors import DeadlineExceeded, Locked
from lookalike.storage.lock import file_lock

HOLDS = """
import sys
from pathlib import Path
from lookalike.storage.lock import file_lock
with file_lock(Path(sys.argv[1])).holding(wait_s=0):
    print("holds", flush=True)
    sys.stdin.readline()
"""


def holding(path: Path) -> subprocess.Popen[str]:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "holds\n"
    return other


def test_all_who_ask_in_a_process_get_the_same_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    lock = file_lock(tmp_path / "lock")
    assert file_lock(tmp_path / "link" / "lock") is lock


def test_one_thread_may_hold_it_within_itself_and_others_may_not(tmp_path: Path) -> None:
    lock, told = file_lock(tmp_path / "lock"), []

    def ask() -> None:
        try:
            with lock.holding(wait_s=0):
                told.append("had")
        except Locked as error:
            told.append(str(error))

    with lock.holding(wait_s=0):
        with lock.holding(wait_s=0):
            pass
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join()
    assert "another thread" in told[0]
    ask()
    assert told[1] == "had"


def test_without_a_limit_it_is_waited_for_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as other:
        lock, had = file_lock(path), threading.Event()
        assert f"process {other.pid}" in str(lock.holder())

        def wait() -> None:
            with lock.holding(wait_s=None):
                had.set()

        waiting = [threading.Thread(target=wait) for _ in range(2)]
        for one in waiting:
            one.start()
        assert not had.wait(0.1)
        other.kill()
        for one in waiting:
            one.join()
    assert had.is_set()
    assert lock.holder() is None


def test_without_a_limit_it_is_waited_for_no_longer_than_the_work_may_last(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as other:
        soon = Ending(time.monotonic() + 0.1, lambda: True)
        with ending(soon), pytest.raises(DeadlineExceeded), file_lock(path).holding(wait_s=None):
            pass
        other.kill()


def test_a_folder_that_is_not_there_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), file_lock(tmp_path / "no" / "lock").holding(wait_s=0):
        pass
