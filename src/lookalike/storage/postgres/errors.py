"""PostgreSQL's errors as ours, for all engines that keep something there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from lookalike.core.ending import LATE
from lookalike.core.errors import (
    BadInput,
    DeadlineExceeded,
    Locked,
    LookalikeError,
    Overtaken,
    ReadOnly,
    ServiceDown,
    StorageFailed,
)


class ConnectionLost(ServiceDown):
    """The server does not answer, or no longer: what can be asked again, can be asked again."""


class Lacking(ServiceDown):
    """The database lacks a table or a schema, so it was not prepared, or what was there was dropped."""


class Crowded(ServiceDown):
    """The server takes no more connections for now."""


_OVERTAKEN = "another writer was faster ({said}), and nothing of the block remains: begin it again"
_NO_RIGHT = (
    "the role of the database's URL must have the right to do that, but has not ({said}): let its owner grant it"
)
_LACKING = "the database should have what a migration makes, but has not ({said}): start the service or a writer anew"
_EXTENSION = "the database needs an extension that the server does not offer ({said}): install it on the server"
_FULL = "the disk of the database is full, and nothing of this change was kept ({said}): make room there and try again"
_CROWDED = "the database takes no more connections ({said}): raise its max_connections, or run fewer processes"
_PASSWORD = "the database does not accept the user or the password of its URL ({said}): correct the URL"  # noqa: S105 - says so
_ANOTHER = "expected a server that speaks as the URL asks, got {said}: correct its host, port or sslmode"
_UNKNOWN = "the database of the URL should exist, but does not ({said}): create it, or correct the URL"

BY_STATE: dict[str, tuple[type[LookalikeError], str]] = {
    "40001": (Overtaken, _OVERTAKEN),
    "40P01": (Overtaken, _OVERTAKEN),
    "23505": (Overtaken, _OVERTAKEN),
    "25P02": (Overtaken, "a statement of the block has failed, and it was undone ({said}): begin it again"),
    "55P03": (Locked, "it cannot be changed while another one changes the same ({said}): try again later"),
    "57014": (DeadlineExceeded, LATE),
    "25006": (ReadOnly, "the database takes no writes ({said}): connect to the server that is written to"),
    "42501": (ServiceDown, _NO_RIGHT),
    "42P01": (Lacking, _LACKING),
    "3F000": (Lacking, _LACKING),
    "42703": (Lacking, _LACKING),
    "42704": (ServiceDown, _EXTENSION),
    "58P01": (ServiceDown, _EXTENSION),
    "0A000": (ServiceDown, _EXTENSION),
    "53100": (StorageFailed, _FULL),
    "53200": (
        StorageFailed,
        "the database has no memory left for it ({said}): raise what it may take, or ask for less at once",
    ),
    "53300": (Crowded, _CROWDED),
    "28000": (ServiceDown, _PASSWORD),
    "28P01": (ServiceDown, _PASSWORD),
    "3D000": (ServiceDown, _UNKNOWN),
    "no such server": (ServiceDown, _ANOTHER),
    "22021": (BadInput, "expected text that a database can keep ({said}): remove what is none"),
    "54000": (BadInput, "it is more than PostgreSQL takes at once ({said}): give it in parts"),
    "58030": (StorageFailed, "the disk of the database failed to read or write ({said}): look after it"),
    "XX001": (StorageFailed, "the database cannot be read, for it is damaged ({said}): restore it from a backup"),
    "XX002": (StorageFailed, "the database cannot be read, for an index of it is damaged ({said}): run REINDEX there"),
}
"""By the server's code, or ours where it has none: the error, and what is said; `said` is the server's own line."""

_LOST_STATES = ("08", "57P")
"""Beginnings of the codes of a connection that is lost, or of a server that stops or starts."""

_AT_CONNECTING = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    "permission denied for database": "42501",
    "too many clients": "53300",
    "too many connections": "53300",
    "remaining connection slots": "53300",
    "is not permitted to log in": "28000",
    "invalid response to SSL negotiation": "no such server",
    "does not support SSL": "no such server",
    "certificate verify failed": "no such server",
}
"""While a connection is being made, the driver tells the server's line, and not its code."""


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that nobody knows from this error what became of the request."""
    state = error.sqlstate
    if state is not None:
        return state.startswith(_LOST_STATES) or is_outdated(error)
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def is_outdated(error: psycopg.Error) -> bool:
    """Whether the connection knows a statement from before a migration: on another one it goes as before."""
    return error.sqlstate == "0A000" and "cached plan" in line_of(error)


def translate(error: psycopg.Error, place: str) -> LookalikeError:
    """Our error for one of the driver's.

    Args:
        error: of a statement, or of connecting.
        place: the database, as it may be shown.
    """
    said = line_of(error)
    state = error.sqlstate or _state_at_connecting(said)
    if state in BY_STATE and not is_outdated(error):
        kind, text = BY_STATE[state]
        return kind(text if kind is DeadlineExceeded else f"{place}: {text.format(said=said)}")
    if is_lost(error):
        return ConnectionLost(f"{place}: expected an answer, but none comes ({said}): try again when the server runs")
    return StorageFailed(
        f"{place}: expected the database to do what it was asked, but it refused ({said}): report this"
    )


def line_of(error: psycopg.Error) -> str:
    """What the server or the driver said, in one line; nothing of the statement."""
    told = error.diag.message_primary or next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return told.strip()[:300]


def _state_at_connecting(said: str) -> str | None:
    if "database" in said and "does not exist" in said:
        return "3D000"
    return next((state for words, state in _AT_CONNECTING.items() if words in said), None)


@contextmanager
def translating(place: str) -> Iterator[None]:
    """Have the driver's errors of the block raised as ours; see `translate`."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, place) from error


@contextmanager
def decoding() -> Iterator[None]:
    """Tell a row that cannot be understood as damage.

    Raises:
        StorageFailed: when the block meets one.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise StorageFailed(
            f"expected a row of the database as it was written, got one that cannot be understood ({error!r}): restore "
            "the database from a backup"
        ) from error
