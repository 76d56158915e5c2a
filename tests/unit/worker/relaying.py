"""A relay in a process of its own, that can be killed: `python -m tests.unit.worker.relaying LEDGER TOLD`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from lookalike.dispatch.base import Notice
from lookalike.dispatch.memory import MemoryDispatch
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.worker import relay
from lookalike.worker.relay import Relay


class WritingDispatch(MemoryDispatch):
    """Publishes into a file, durably, and says so."""

    def __init__(self, told: Path) -> None:
        super().__init__()
        self._file = told.open("a")

    def publish(self, notices: Sequence[Notice]) -> None:
        """Have it written what was published."""
        for notice in notices:
            print(notice.job_id, file=self._file, flush=True)
            os.fsync(self._file.fileno())
        print("published", flush=True)


if __name__ == "__main__":
    relay._AT_ONCE = 7
    print("ready", flush=True)
    sys.stdin.readline()
    with closing(SqliteLedger(Path(sys.argv[1]))) as ledger:
        while Relay(ledger.jobs, WritingDispatch(Path(sys.argv[2]))).publish_some():
            pass
