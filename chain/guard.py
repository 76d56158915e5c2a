"""What ends the groups of processes that this one has started, when it is killed and can do so no more itself.

A signal at the death of a parent (prctl(2), PR_SET_PDEATHSIG) will not do: it comes when the thread ends that has
started the child, and servers are started by threads beside one another. So one process beside this one reads from a
pipe which groups there are, and ends them when the pipe ends.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading
from contextlib import suppress

_PROGRAM = """
import os, signal, sys
groups = set()
for line in sys.stdin.buffer:
    (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class _Guard:
    """One for all that this process starts. Safe to use from many threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, line: str) -> None:
        """Begin where that is the first time."""
        with self._mutex:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    start_new_session=True,  # Ctrl-C in a terminal is not for it
                )
                atexit.register(self._end)
            if self._process.stdin is not None:
                with suppress(BrokenPipeError):  # somebody has killed it
                    self._process.stdin.write(f"{line}\n".encode())

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()


_guard = _Guard()


def guarded(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The same process, which leads a group of its own: the group ends by SIGKILL when this process has ended."""
    _guard.tell(f"+{process.pid}")
    return process


def no_longer_guarded(process: subprocess.Popen[bytes]) -> None:
    """Its group has ended, and another may have the number."""
    _guard.tell(f"-{process.pid}")
