"""What other processes do to jobs: `python -m tests.unit.jobs.programs NAME PATH ...`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

from lookalike.core.records import Json
from lookalike.dispatch.polling import PollingDispatch
from lookalike.jobs.base import Job, Jobs
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.worker import Worker
from tests.processes import python


def started(name: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    """One of these programs in another Python."""
    return python("-m", "tests.unit.jobs.programs", name, path, *arguments)


def claim(queue: Jobs, name: str) -> None:
    """Do all jobs that are there, and print their ids."""
    while job := queue.claim(["embed"], worker=name, lease_s=1_000):
        print(job.id)
        assert queue.finish(job.id, lease=job.lease, result=name)


def enqueue(queue: Jobs, name: str, count: str) -> None:
    """Put jobs in, each under a key that all processes use, and print their ids."""
    for number in range(int(count)):
        print(queue.enqueue("embed", collection=name, payload={"n": number}, key=f"key {number}").id)


def hold(queue: Jobs, name: str, lease_s: str) -> None:
    """Begin a job by a worker and never end."""

    def handler(job: Job) -> Json:
        print(job.id, flush=True)
        return Event().wait()

    Worker(queue, PollingDispatch(), {"embed": handler}, name=name, lease_s=float(lease_s)).run(Event())


def churn(queue: Jobs, name: str) -> None:
    """Put in and do without end, and print each id once it is durable."""
    while True:
        print(queue.enqueue("embed", collection=name, payload={}).id, flush=True)
        job = queue.claim(["embed"], worker=name, lease_s=1_000)
        assert job is not None
        assert queue.finish(job.id, lease=job.lease, result=None)


if __name__ == "__main__":
    program = {"claim": claim, "enqueue": enqueue, "hold": hold, "churn": churn}[sys.argv[1]]
    opened = SqliteLedger(Path(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    program(opened.jobs, *sys.argv[3:])
    opened.close()
