"""What was started in groups of its own ends with who has started it, also where that one is killed."""

from __future__ import annotations

import os
import signal

import pytest

from tests.processes import next_line, python
from tests.unit.images.test_apart import lives
from tests.waiting import eventually

STARTS = """
import signal, subprocess, sys, threading
from chain.guard import guarded
from chain.server import end_group

def start():
    shell = "sleep 1000 & echo $!; wait"
    process = subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, start_new_session=True)
    processes.append(guarded(process))

processes = []
for _ in range(2):
    thread = threading.Thread(target=start)  # which ends long before what it has started
    thread.start()
    thread.join()
pids = [pid for one in processes for pid in (one.pid, int(one.stdout.readline()))]
if sys.argv[1] == "one was ended":
    end_group(processes[0], by=signal.SIGTERM)
print(*pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("what", ["all run", "one was ended"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_groups_end_with_the_process_that_has_started_them(what: str, by: signal.Signals) -> None:
    process = python("-c", STARTS, what)
    try:
        pids = [int(word) for word in next_line(process).split()]
        eventually(lambda: [lives(pid) for pid in pids[:2]] == [what == "all run"] * 2)
        assert all(map(lives, pids[2:]))
    finally:
        os.kill(process.pid, by)
        process.communicate(timeout=60)
    eventually(lambda: not any(map(lives, pids)))
