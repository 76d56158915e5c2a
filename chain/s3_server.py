"""What clients of a server of S3 are given, whichever it is."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from chain.server import Server, free_port

_PORTS = "ports.json"


class S3Keys(NamedTuple):
    """What a user of the server signs with."""

    access_key: str
    secret_key: str


class S3Server(Server, Protocol):
    """One that speaks S3; `url` is its endpoint, in the region `us-east-1`.

    Attributes:
        folder: of its own.
        keys: of its owner, who may make buckets.
        stranger: of another user, who may do nothing in the owner's buckets.
    """

    folder: Path
    keys: S3Keys
    stranger: S3Keys

    def kill_front(self) -> None:
        """End what clients talk to by SIGKILL, in the middle of whatever it does; what keeps the data goes on."""
        ...

    def start_front(self) -> None:
        """Start that again, and return when it answers."""
        ...


def ports_of(folder: Path, names: tuple[str, ...], *, first: int) -> dict[str, int]:
    """The ports of a server's programs: as they were noted in its folder, for its own files name them; else free ones.

    Args:
        folder: of the server.
        names: of the programs.
        first: the port of the first; 0 for any that is free.
    """
    if (folder / _PORTS).exists():
        noted: dict[str, int] = json.loads((folder / _PORTS).read_text())
        return noted
    ports = {name: free_port() for name in names}
    return {**ports, names[0]: first} if first else ports


def note_ports(folder: Path, ports: dict[str, int]) -> None:
    """Note them, for who starts it another time."""
    (folder / _PORTS).write_text(json.dumps(ports))


def answers_http(url: str, *, timeout_s: float = 5.0) -> bool:
    """Whether a server gives any answer below 500."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
