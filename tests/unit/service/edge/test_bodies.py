"""Bodies that are too large or too slow, on real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from lookalike.service.edge import body_limits
from tests.unit.service.small_service import Address, Parts, answering

Client = Callable[..., TestClient]
Made = Callable[..., Parts]
SMALL = {"max_body_bytes": 1000, "max_json_bytes": 100}


@contextmanager
def connected(address: Address, sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(sent)
        yield connection


def read(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def post(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: x", *headers, "", "")).encode()


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def problem(reply: bytes) -> dict[str, object]:
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def chunked(size: int) -> Iterator[bytes]:
    for _ in range(size // 100):
        yield bytes(100)


@pytest.mark.parametrize("path", ["/echo", "/deaf"])
@pytest.mark.parametrize(("size", "expected"), [(1000, 200), (1100, 413)])
def test_a_body_may_be_so_large_announced_or_not(client: Client, path: str, size: int, expected: int) -> None:
    asking = client(**SMALL)
    for content in (bytes(size), chunked(size)):
        reply = asking.post(path, content=content)
        assert reply.status_code == expected
        if expected == 413:
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.json()["code"] == "too_large"
            assert reply.json()["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_json_may_be_less_large(client: Client, kind: str) -> None:
    asking = client(**SMALL)
    for content in (b"1" * 101, iter([b"1" * 101])):
        assert asking.post("/echo", content=content, headers={"Content-Type": kind}).status_code == 413
    assert (
        asking.post("/echo", content=iter([b"1" * 50, b"1" * 50]), headers={"Content-Type": kind}).content == b"1" * 100
    )


@pytest.mark.parametrize("length", ["9" * 18, "1001"])
def test_a_length_that_is_too_large_is_refused_before_the_body_comes(made: Made, length: str) -> None:
    with (
        answering(made(**SMALL).app) as address,
        connected(address, post("/echo", f"Content-Length: {length}", "Expect: 100-continue")) as connection,
    ):
        reply = read(connection)
    assert status(reply) == 413
    assert b"100 Continue" not in reply


def test_a_client_that_sends_all_before_it_reads_gets_to_read_the_refusal(made: Made) -> None:
    size = 3_000_000
    with (
        answering(made(**SMALL).app) as address,
        connected(address, post("/echo", f"Content-Length: {size}") + bytes(size)) as connection,
    ):
        assert problem(read(connection))["code"] == "too_large"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json"])
@pytest.mark.parametrize("path", ["/echo", "/deaf"])
@pytest.mark.parametrize("length", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_body_that_comes_too_slowly_is_refused(made: Made, path: str, kind: str, length: str) -> None:
    with (
        answering(made(body_timeout_s=0.2).app) as address,
        connected(address, post(path, length, f"Content-Type: {kind}") + b"1") as connection,
    ):
        reply = read(connection)
    assert status(reply) == 408
    assert problem(reply)["code"] == "too_slow"


def test_each_byte_does_not_buy_the_time_anew(made: Made) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not stop.wait(0.05):
            try:
                connection.sendall(b"1")
            except OSError:
                return

    with (
        answering(made(body_timeout_s=0.5).app) as address,
        connected(address, post("/echo", "Content-Length: 1000000")) as connection,
    ):
        dripping = threading.Thread(target=drip, args=(connection,))
        dripping.start()
        assert status(read(connection)) == 408
        stop.set()
        dripping.join()


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost", b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nG"]
)
def test_headers_that_do_not_come_are_not_waited_for(made: Made, begun: bytes) -> None:
    with answering(made().app, head_timeout_s=0.2) as address, connected(address, begun) as connection:
        assert b'"too_slow"' in read(connection)


def test_a_client_that_vanishes_is_no_error(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    with answering(made().app) as address:
        for kind in ("application/octet-stream", "application/json"):
            with connected(address, post("/echo", "Content-Length: 10", f"Content-Type: {kind}") + b"12"):
                pass
        with connected(address, b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert status(read(connection)) == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nX-Request-Id: \xff\r\nX-Timeout-Ms: \xb2\r\nConnection: close\r\n\r\n",
        b"GET /%ff%00%0a/..%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Type: text/json; \xff\r\nContent-Length: 1\r\nConnection: close\r\n\r\n\xff",
    ],
    ids=range(17),
)
def test_odd_bytes_are_refused_and_never_an_error_of_ours(
    made: Made, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(made().app) as address:
        with connected(address, request_) as connection:
            reply = read(connection)
        with connected(address, b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert status(read(connection)) == 200
    assert 200 <= status(reply) < 500
    assert b"Traceback" not in reply
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_too_many_headers_are_a_problem(made: Made) -> None:
    lines = b"".join(b"X-%d: y\r\n" % n for n in range(300))
    with (
        answering(made().app) as address,
        connected(address, b"GET /process HTTP/1.1\r\n" + lines + b"\r\n") as connection,
    ):
        reply = read(connection)
    assert status(reply) == 431
    assert problem(reply)["code"] == "head_too_large"


def test_json_of_all_together_is_bounded_and_small_ones_are_always_taken(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "MOST_HELD_BYTES", 300_000)
    begun = post("/echo", "Content-Length: 250000", "Content-Type: application/json") + b" " * 240_000
    with answering(made().app) as address:
        with connected(address, begun) as first:
            time.sleep(0.5)
            with connected(address, begun) as second:
                reply = read(second)
            assert status(reply) == 503
            assert problem(reply)["code"] == "overloaded"
            assert b"retry-after: 1" in reply.lower()
            small = post("/echo", "Content-Length: 2", "Content-Type: application/json", "Connection: close")
            with connected(address, small + b"{}") as third:
                assert status(read(third)) == 200
            first.sendall(b" " * 10_000)
            assert first.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(3):  # what was answered is held no longer
            whole = post("/echo", "Content-Length: 250000", "Content-Type: application/json", "Connection: close")
            with connected(address, whole + b" " * 250_000) as again:
                assert status(read(again)) == 200
