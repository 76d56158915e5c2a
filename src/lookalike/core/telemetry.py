"""Telemetry of ONNX Runtime: switched off before that library is imported, and what can be seen of it.

Since 1.29 its packages for Linux and macOS report to their maker unless `ORT_DISABLE_TELEMETRY` says otherwise when
they are imported: they keep a device id and a store of events in the user's cache folder, and look up their maker's
host some ten seconds later. `lookalike/__init__.py` calls `switch_off`, so that it comes before everything else, in
each process; child processes inherit the variable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "ORT_DISABLE_TELEMETRY"

_LIBRARY = "onnxruntime"
_OFF = frozenset({"1", "true", "yes", "on"})
_STORE = Path("Microsoft") / "DeveloperTools" / ".onnxruntime"
_SESSION = ".ses"  # a file in the folder for temporary files

_asked_first = False
"""Whether `switch_off` came after the import of the library, and with its telemetry on."""


def switch_off() -> None:
    """Keep ONNX Runtime silent in this process and its children.

    A value that the user has given the variable stays, whatever it is. Where the library is imported already, its
    later events are stopped, but not what it has begun: see `is_on`.
    """
    global _asked_first
    library = sys.modules.get(_LIBRARY)
    _asked_first = library is not None and not _is_off()
    if not os.environ.get(VARIABLE, "").strip():
        os.environ[VARIABLE] = "1"
    if _asked_first and _is_off() and hasattr(library, "disable_telemetry_events"):
        library.disable_telemetry_events()  # type: ignore[union-attr]  # it is not None, for it was asked first


def imported_too_early() -> bool:
    """Whether this process had imported ONNX Runtime, with its telemetry on, before Lookalike."""
    return _asked_first


def is_on() -> bool:
    """Whether ONNX Runtime's telemetry is on in this process: its event store is open, or nothing has stopped it."""
    return _asked_first or not _is_off() or any(_STORE.name in path for path in _open_files())


def leftovers() -> list[Path]:
    """What telemetry, of this program or of another, has left on this machine; the files that are there."""
    import tempfile  # not needed at start

    kept = [path for folder in _caches() for path in sorted((folder / _STORE).glob("*")) if path.is_file()]
    session = Path(tempfile.gettempdir()) / _SESSION
    return [*kept, session] if session.is_file() else kept


def _is_off() -> bool:
    return os.environ.get(VARIABLE, "").strip().lower() in _OFF


def _caches() -> Iterator[Path]:
    named = os.environ.get("XDG_CACHE_HOME")
    home = os.path.expanduser("~")
    candidates = [named, f"{home}/.cache", f"{home}/Library/Caches", f"{home}/Library/Application Support"]
    yield from dict.fromkeys(Path(place) for place in candidates if place and os.path.isabs(place))


def _open_files() -> Iterator[str]:
    """Names of the files that this process holds open, where the system tells them (Linux)."""
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # closed meanwhile
            continue
