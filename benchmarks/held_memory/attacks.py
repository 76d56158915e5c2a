"""Clients who want a server to hold much for them: what each sends on many connections at once, and what that costs."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

Sends = Callable[[], Iterator[bytes]]
"""What one connection sends, in order; what the server does not take is not sent."""

_PIECE = 65_536
_SLOWLY_BYTES, _SLOWLY_S = 1_000, 0.5
_LOOK_EVERY_S = 0.02


class Attack(NamedTuple):
    """A kind of connection.

    Attributes:
        name: for people.
        sends: made for each.
        reads: whether it reads what it is sent at once; else a kilobyte every half second.
    """

    name: str
    sends: Sends
    reads: bool = False


def without_credential(collection: str, asset: str) -> list[Attack]:
    """Attacks of who has none.

    Args:
        collection: a name that is served.
        asset: path of the largest file that is open to everybody.
    """
    search = f"/v1/collections/{collection}/search"
    json_head = _head("POST", search, "Content-Type: application/json", "Content-Length: 3900000")
    chunked = _head("POST", search, "Content-Type: application/json", "Transfer-Encoding: chunked")
    form = _head("POST", search, "Content-Type: multipart/form-data; boundary=x", "Content-Length: 60000000")
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    return [
        Attack("JSON of 3.9 MB", lambda: _repeated(json_head, b"[1," * 20_000, 3_800_000)),
        Attack("a form of 60 MB", lambda: _repeated(form + part, b"x" * 60_000, 58_000_000)),
        Attack("fields behind a chunked body", lambda: _endless(chunked + b"0\r\n", b"a: b\r\n" * 8_000)),
        Attack("headers that do not end", lambda: _repeated(_head("GET", "/livez")[:-2], b"a:b\r\n" * 1_000, 63_000)),
        Attack("requests ahead", lambda: _endless(b"", b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 2_000)),
        Attack("pings", lambda: _endless(_upgrade("/v1/events"), _frame(9, bytes(125)) * 400)),
        Attack(
            "an unfinished message", lambda: _endless(_upgrade("/v1/events"), b"x" * _PIECE, _frame_head(15_000_000))
        ),
        Attack(
            "empty fragments",
            lambda: _endless(_upgrade("/v1/events"), _frame(0, b"", fin=False) * 8_000, _frame(2, b"", fin=False)),
        ),
        Attack("slow readers", lambda: iter([_head("GET", asset)])),
        Attack("slow readers of many replies", lambda: iter([_head("GET", asset) * 8])),
    ]


def with_key(key: str, collection: str, picture: str) -> list[Attack]:
    """Attacks of who may read a collection.

    Args:
        key: of the service.
        collection: that it reads.
        picture: id of a large one.
    """
    who, place = f"Authorization: Bearer {key}", f"/v1/collections/{collection}"
    stream = _upgrade(f"{place}/stream", who)
    picture_file = _head("GET", f"{place}/images/{picture}/file", who)
    return [
        Attack("slow readers of a picture", lambda: iter([picture_file])),
        Attack("pings", lambda: _endless(stream, _frame(9, bytes(125)) * 400)),
        Attack("an unfinished message", lambda: _endless(stream, b"x" * _PIECE, _frame_head(7_900_000))),
        Attack("long messages", lambda: _repeated(stream, _long_message(), 8 * 7_900_000)),
        Attack("small messages", lambda: _endless(stream, _frame(1, b"") * 8_000)),
        Attack(
            "empty fragments", lambda: _endless(stream, _frame(0, b"", fin=False) * 8_000, _frame(2, b"", fin=False))
        ),
    ]


def grown_bytes(kind: Attack, *, resident_bytes: Callable[[], int], port: int, connections: int, seconds: float) -> int:
    """By how much a process is larger, at most, while it is attacked.

    Args:
        kind: of the connections.
        resident_bytes: how large the process is now.
        port: on which it listens.
        connections: at once.
        seconds: that they last.
    """
    idle, most, is_over = resident_bytes(), 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not is_over.wait(_LOOK_EVERY_S):
            most = max(most, resident_bytes())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        asyncio.run(_attack(kind, port=port, connections=connections, seconds=seconds))
    finally:
        is_over.set()
        looking.join()
    return max(0, most - idle)


async def _attack(kind: Attack, *, port: int, connections: int, seconds: float) -> None:
    """Open the connections and keep at it until the time is over, whatever the server does."""
    many = [asyncio.create_task(_one(kind, port)) for _ in range(connections)]
    await asyncio.wait(many, timeout=seconds)
    for one in many:
        one.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def _one(kind: Attack, port: int) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        try:
            await loop.sock_connect(connection, ("127.0.0.1", port))
            reading = asyncio.create_task(_read(connection, at_once=kind.reads))
            try:
                for piece in kind.sends():
                    await loop.sock_sendall(connection, piece)
                await reading
            finally:
                reading.cancel()
        except OSError:  # it was thrown out
            return


async def _read(connection: socket.socket, *, at_once: bool) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(connection, _PIECE if at_once else _SLOWLY_BYTES):
        await asyncio.sleep(0 if at_once else _SLOWLY_S)


def _head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")).encode()


def _upgrade(path: str, *headers: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    said = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    return _head("GET", path, *said, *headers)


def _frame_head(size_bytes: int) -> bytes:
    """Of a masked binary message; the mask is zero."""
    return b"\x82\xff" + struct.pack("!Q", size_bytes) + bytes(4)


def _long_message() -> bytes:
    """No picture."""
    return _frame_head(7_900_000) + b"x" * 7_900_000


def _frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


def _repeated(first: bytes, piece: bytes, size_bytes: int) -> Iterator[bytes]:
    """A piece until nearly so many bytes came."""
    yield first
    for _ in range(size_bytes // len(piece)):
        yield piece


def _endless(first: bytes, piece: bytes, second: bytes = b"") -> Iterator[bytes]:
    yield first
    yield second
    while True:
        yield piece
