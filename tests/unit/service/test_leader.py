"""One process leads at a time, and another follows when it dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.service.leader import Leader

LEADING = """
import sys, threading
from pathlib import Path
from lookalike.service.leader import Leader
with Leader(Path(sys.argv[1])).lead(threading.Event()) as leads:
    print(leads, flush=True)
    sys.stdin.read()
"""


def test_one_leads_and_the_next_waits_until_it_dies(tmp_path: Path) -> None:
    path, stop, leads = tmp_path / "leader.lock", threading.Event(), threading.Event()

    def follow() -> None:
        with Leader(path, retry_s=0.01).lead(stop) as leading:
            if leading:
                leads.set()
            stop.wait()

    with subprocess.Popen(
        [sys.executable, "-c", LEADING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        thread = threading.Thread(target=follow)
        thread.start()
        assert not leads.wait(0.1)

        other.kill()

    assert leads.wait(20)
    stop.set()
    thread.join()


def test_one_that_need_not_wait_any_more_does_not_lead(tmp_path: Path) -> None:
    stop = threading.Event()
    with Leader(tmp_path / "lock").lead(stop) as first:
        stop.set()
        with Leader(tmp_path / "lock").lead(stop) as second:
            assert (first, second) == (True, False)


def test_it_ends_with_the_block_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), Leader(tmp_path / "lock").lead(threading.Event()):
        raise ValueError("x")
    with Leader(tmp_path / "lock").lead(threading.Event()) as leads:
        assert leads


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="lock file"), Leader(tmp_path / "no" / "lock").lead(threading.Event()):
        pass
