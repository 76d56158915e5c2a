"""Servers as processes: ours and the peers, started, waited for, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.harness import CannotRun

PATIENCE_S = 120


class Server(NamedTuple):
    """A server that answers.

    Attributes:
        port: on loopback.
        process: its first process.
    """

    port: int
    process: psutil.Process

    def processes(self) -> list[psutil.Process]:
        """All of its processes."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_s(self) -> float:
        """Seconds of processor time that they have taken."""
        return sum(sum(one.cpu_times()[:2]) for one in self.processes())

    def memory_mb(self) -> list[float]:
        """Resident memory of each that holds more than 100 MB, in megabytes."""
        sizes = [one.memory_info().rss / 1e6 for one in self.processes()]
        return [size for size in sizes if size > 100] or sizes


@contextmanager
def server(
    command: Sequence[str], *, port: int, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run a server for a while.

    Raises:
        CannotRun: when it does not begin to listen.
    """
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ours(collection: Path, *, port: int, folder: Path, workers: int) -> list[str]:
    """The command that serves a collection."""
    command = [sys.executable, "-m", "lookalike", "serve", "-q", "-c", str(collection), "--home", str(folder / "home")]
    return [*command, "--port", str(port), "--workers", str(workers)]


def flask(collection: Path, *, port: int, kind: str, workers: int) -> tuple[list[str], dict[str, str]]:
    """The command that runs the same search behind Flask, with gunicorn and gevent; and its environment."""
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", str(workers), "-b", f"127.0.0.1:{port}"]
    environment = {"PEER_COLLECTION": str(collection), "PEER_KIND": kind, "OMP_NUM_THREADS": "1"}
    return [*command, "--log-level", "warning", "benchmarks.service_load.flask_peer:app"], environment


def fastembed(vectors: Path, model: Path, *, port: int, workers: int) -> tuple[list[str], dict[str, str]]:
    """The command that runs a FastAPI endpoint around fastembed; and its environment."""
    command = [sys.executable, "-m", "uvicorn", "benchmarks.service_load.fastembed_peer:app", "--port", str(port)]
    environment = {"PEER_VECTORS": str(vectors), "PEER_MODEL": str(model.parent)}
    return [*command, "--workers", str(workers), "--no-access-log", "--log-level", "warning"], environment


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CannotRun(f"a server did not start: {log.read_text(errors='replace')[-600:]}")
