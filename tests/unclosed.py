"""SQLite connections that are collected without having been closed: a warning on every Python, as 3.13 gives one.

It tells where the connection was made, for the collector may come by in quite another test. As every warning is an
error here, pytest fails the test in which that happens, or the session where none is left.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookalike.storage.sqlite.connection import Connection

_ROOT = str(Path(__file__).parents[1])
_MOST_PLACES = 6


class _Watched(sqlite3.Connection):
    """As the standard library's, which no attribute can be given."""


def watch_connections() -> None:
    """From now on, have whatever is opened in this process tell of itself."""
    for kind in (Connection, _Watched):
        kind.__del__ = _tell_if_open  # type: ignore[attr-defined]
    sqlite3.connect = sqlite3.dbapi2.connect = _watching(sqlite3.connect)


def _watching(connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def connect_and_note(*arguments: Any, **options: Any) -> sqlite3.Connection:
        if len(arguments) < 6:  # the factory is the sixth
            options.setdefault("factory", _Watched)
        connection = connect(*arguments, **options)
        if isinstance(connection, (Connection, _Watched)):
            connection._made_at = _places()  # type: ignore[union-attr]
        return connection

    return connect_and_note


def _places() -> str:
    """Where in our files and in which test this is, the innermost first."""
    found, frame = [], sys._getframe(2)
    while frame is not None and len(found) < _MOST_PLACES:
        if (file := frame.f_code.co_filename).startswith(_ROOT) and "site-packages" not in file:
            found.append(f"{file.removeprefix(_ROOT).lstrip('/')}:{frame.f_lineno}")
        frame = frame.f_back
    return f"{' < '.join(found)}, in {os.environ.get('PYTEST_CURRENT_TEST', 'no test')}"


def _tell_if_open(self: sqlite3.Connection) -> None:
    if sys.is_finalizing():
        return
    try:
        self.total_changes  # noqa: B018  # of which a closed one, and one that was never opened, knows nothing
    except sqlite3.ProgrammingError:
        return
    made_at = getattr(self, "_made_at", "an unknown place")
    warnings.warn(f"unclosed database in {self!r}, made at {made_at}", ResourceWarning, stacklevel=1, source=self)
