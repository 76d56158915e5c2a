"""What other processes do to a ledger: `python -m tests.unit.ledger.programs NAME PATH COUNT`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from lookalike.core.errors import Conflict
from lookalike.ledger.base import UploadState
from lookalike.ledger.sqlite import SqliteLedger


def together(name: str, path: Path, count: int, *, processes: int) -> list[str]:
    """Run a program in several processes at once; all that they print."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.ledger.programs", name, str(path), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    printed = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        printed += process.communicate(timeout=60)[0].split()
        assert process.returncode == 0
    return printed


def take(ledger: SqliteLedger, count: int) -> None:
    """Use tickets up, and print those that worked."""
    for number in range(count):
        if ledger.take_ticket(f"digest{number}", now=0) is not None:
            print(number)


def begin(ledger: SqliteLedger, count: int) -> None:
    """Begin what keys stand for, and print those that are ours to do."""
    for number in range(count):
        try:
            assert ledger.begin(f"key{number}", body_hash="h", holder="me", now=0, expires_at=1) is None
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
