"""Raw connections to a service, and what comes on them: whole, and however the other side ends it.

A service that refuses a body while it still comes sends its reply and then closes; the system resets a connection that
is closed while bytes come in. So a reset behind a reply is an end like any other, and a test reads up to it.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


class Address(NamedTuple):
    """Where a service listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 80)


def connected(address: tuple[str, int], sent: bytes = b"", *, source: str = "") -> socket.socket:
    """A connection on which this was sent, from an address of this machine."""
    connection = socket.create_connection(address, timeout=PATIENCE_S, source_address=(source, 0))
    connection.sendall(sent)
    return connection


def request(method: str, path: str, *lines: str) -> bytes:
    """The head of a request, with these headers."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *lines, "", "")).encode()


def rest_of(connection: socket.socket, *, pause_s: float = 0.0) -> bytes:
    """What comes until the other side ends it, by closing or by a reset."""
    came = bytearray()
    try:
        while part := connection.recv(262_144):
            came += part
            time.sleep(pause_s)
    except ConnectionError:
        pass
    return bytes(came)


def head_of(connection: socket.socket) -> bytes:
    """A reply up to the empty line, and nothing of what is behind it; less, where the other side ends it before."""
    return _until(connection, lambda came: came.endswith(b"\r\n\r\n"), read_bytes=1)


def reply_of(connection: socket.socket) -> bytes:
    """A reply whose length is told, of a connection that goes on; less, where the other side ends it before."""
    head = head_of(connection)
    length = int(_LENGTH.findall(head)[0])
    return head + _until(connection, lambda came: len(came) >= length, read_bytes=65_536)


def up_to(connection: socket.socket, mark: bytes, *, times: int = 1) -> bytes:
    """What comes until this was in it so often; less, where the other side ends it before."""
    return _until(connection, lambda came: came.count(mark) >= times, read_bytes=65_536)


def _until(connection: socket.socket, is_enough: Callable[[bytearray], bool], *, read_bytes: int) -> bytes:
    came = bytearray()
    try:
        while not is_enough(came) and (part := connection.recv(read_bytes)):
            came += part
    except ConnectionError:
        pass
    return bytes(came)


def is_ended(connection: socket.socket, piece: bytes, *, pause_s: float = 0.0) -> bool:
    """Whether the other side ends it while this is sent again and again."""
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause_s)
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def problem(reply: bytes) -> dict[str, Any]:
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
