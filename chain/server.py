"""What every server here promises, and what several of them need."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from chain.guard import no_longer_guarded

HOST = "127.0.0.1"


class ServerFailed(Exception):
    """A server of another maker that did not start, or did not do what it was told; says what it printed last."""


class Server(Protocol):
    """A server in a folder of its own, on a port of its own of this machine. Used by one thread.

    Attributes:
        url: what a client is given; known from the beginning, and the same after a restart.
    """

    @property
    def url(self) -> str:
        """What a client is given."""
        ...

    def start(self) -> None:
        """Make what is missing in its folder, and return when it answers; what it kept before is there.

        Raises:
            ServerFailed: when it does not.
        """
        ...

    def kill(self) -> None:
        """End all its processes by SIGKILL. Idempotent."""
        ...

    def stop(self) -> None:
        """End it in an orderly way, and by SIGKILL what has not ended then. Idempotent."""
        ...


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(answers: Callable[[], bool], *, process: subprocess.Popen[bytes], what: str, within_s: float) -> None:
    """Wait until a server that was started answers.

    Raises:
        ServerFailed: when it has ended, or does not within that time.
    """
    until = time.monotonic() + within_s
    while not answers():
        if process.poll() is not None:
            raise ServerFailed(f"{what} was to answer, but ended with {process.returncode}: read its log")
        if time.monotonic() > until:
            raise ServerFailed(f"{what} was to answer within {within_s:g} s, but did not: read its log")
        time.sleep(0.05)


def end_group(process: subprocess.Popen[bytes], *, by: signal.Signals, within_s: float = 30.0) -> None:
    """End a process that leads a group of its own, and all of that group; by SIGKILL what has not ended in time."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, by)
    with suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    no_longer_guarded(process)
