"""What other processes do to a ledger: `python -m tests.unit.ledger.programs NAME PATH COUNT`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from lookalike.core.errors import Conflict
from lookalike.ledger.base import UploadState
from lookalike.ledger.sqlite import SqliteLedger
from tests.processes import go, next_line, output, python


def together(name: str, path: Path, count: int, *, processes: int) -> list[str]:
    """Run a program in several processes at once; all that they print."""
    running = [python("-m", "tests.unit.ledger.programs", name, path, count) for _ in range(processes)]
    for process in running:
        assert next_line(process) == "ready"
    for process in running:
        go(process)
    return [word for process in running for word in output(process)]


def take(ledger: SqliteLedger, count: int) -> None:
    """Use tickets up, and print those that worked."""
    for number in range(count):
        if ledger.take_ticket(f"digest{number}", now=0) is not None:
            print(number)


def begin(ledger: SqliteLedger, count: int) -> None:
    """Begin what keys stand for, and print those that are ours to do."""
    for number in range(count):
        try:
            assert ledger.begin(f"key{number}", caller="ann", body_hash="h", holder="me", now=0, expires_at=1) is None
        except Conflict:
            continue
        print(number)


def advance(ledger: SqliteLedger, count: int) -> None:
    """Advance uploads, and print those that we did."""
    for number in range(count):
        upload = replace(ledger.upload(f"upload{number}"), state=UploadState.QUEUED)
        try:
            ledger.advance_upload(upload, only_from=[UploadState.WAITING])
        except Conflict:
            continue
        print(number)


if __name__ == "__main__":
    program = {"take": take, "begin": begin, "advance": advance}[sys.argv[1]]
    opened = SqliteLedger(Path(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    program(opened, int(sys.argv[3]))
    opened.close()
