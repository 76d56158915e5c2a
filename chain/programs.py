"""Our own programs as a shop would run them: `lookalike serve` and `lookalike worker`, each a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from chain.guard import guarded
from chain.server import HOST, ServerFailed, end_group, free_port, wait_until

_LINES_SHOWN = 20
_TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """One process and what it starts. Used by one thread; see `chain.server.Server`.

    Args:
        arguments: behind `lookalike`.
        environment: beside this process's own.
        log: file of what it says.
        url: where it answers `/livez`; '' where it answers nobody.
    """

    def __init__(self, arguments: list[str], *, environment: Mapping[str, str], log: Path, url: str = "") -> None:
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._log = log
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._url

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            self._process = guarded(
                subprocess.Popen(
                    [sys.executable, "-m", "lookalike", *self._arguments],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        if self._url:
            try:
                wait_until(self._answers, process=self._process, what=f"`lookalike {self._arguments[0]}`", within_s=60)
            except ServerFailed as error:
                self.kill()
                said = self._log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
                raise ServerFailed("\n".join([f"{error}; the last of it:", *said])) from error

    def cpu_s(self) -> float:
        """Seconds of processor that it and what it started have taken so far."""
        return sum(_cpu_s(pid) for pid in self._pids())

    def kill(self) -> None:
        """End it by SIGKILL, with what it started."""
        self._end(by=signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(by=signal.SIGTERM)

    def _end(self, *, by: signal.Signals) -> None:
        if self._process is not None:
            end_group(self._process, by=by, within_s=60)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self._url}/livez", timeout=2) as reply:  # noqa: S310 - our own address
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def _pids(self) -> list[int]:
        if self._process is None:
            return []
        group = self._process.pid
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _group_of(int(name)) == group]


def service(*, environment: Mapping[str, str], log: Path, port: int = 0) -> Program:
    """The service, without a worker of its own."""
    port = port or free_port()
    said = {"LOOKALIKE_SERVE_RUN_WORKER": "false", **environment}
    return Program(
        ["serve", "--host", HOST, "--port", str(port)], environment=said, log=log, url=f"http://{HOST}:{port}"
    )


def worker(*, environment: Mapping[str, str], log: Path, concurrency: int = 2) -> Program:
    """A worker."""
    return Program(["worker", "--concurrency", str(concurrency)], environment=environment, log=log)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def _cpu_s(pid: int) -> float:
    """By the kernel's own count, with that of children that have ended (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[n]) for n in range(11, 15)) / _TICKS
