"""Tells of what waits for a disk, a database or another machine on a thread that runs an event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lookalike.storage.sqlite.connection import Connection

_EVENTS = frozenset(
    {
        "open",
        "os.chmod",
        "os.link",
        "os.listdir",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.truncate",
        "fcntl.flock",
        "fcntl.lockf",
        "shutil.rmtree",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "subprocess.Popen",
        "time.sleep",
    }
)
_EXEMPT = ("importlib", "linecache.py", "traceback.py", "inspect.py", "sqlite/continuity.py")
"""Imports, what prints errors or looks at our own source, and the look at one stamp by which a collection is known."""

_watching: list[set[str]] = []


def _place() -> str | None:
    """Where ours waits on the thread of an event loop; None where it does not."""
    if not _watching or asyncio._get_running_loop() is None:
        return None
    frame, ours = sys._getframe(2), None
    while frame is not None:
        name = frame.f_code.co_filename
        if any(one in name for one in _EXEMPT):
            return None
        if ours is None and "/lookalike/" in name and "/tests/" not in name:
            ours = f"{name.rpartition('/lookalike/')[2]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ours


def _note(what: str) -> None:
    place = _place()
    if place is not None:
        _watching[-1].add(f"{what} at {place}")


def _hook(event: str, _: tuple[Any, ...]) -> None:
    if _watching and event in _EVENTS:
        _note(event)


_hooking = threading.Lock()
_is_hooked = False


@contextmanager
def watched_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """What waited on the thread of an event loop during the block, each once."""
    global _is_hooked
    with _hooking:
        if not _is_hooked:  # a hook stays for good
            sys.addaudithook(_hook)
            _is_hooked = True

    def noting(call: Callable[..., Any], what: str) -> Callable[..., Any]:
        def noted(*given: Any, **named: Any) -> Any:
            _note(what)
            return call(*given, **named)

        return noted

    monkeypatch.setattr(Connection, "execute", noting(Connection.execute, "SQL"))
    monkeypatch.setattr(os, "stat", noting(os.stat, "os.stat"))
    seen: set[str] = set()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
