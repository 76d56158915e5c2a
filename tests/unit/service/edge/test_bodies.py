"""Bodies that are too large or too slow, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from lookalike.service.edge import body_limits, refusing
from tests.connections import connected, problem, request, rest_of, status
from tests.unit.service.small_service import Parts, answering
from tests.waiting import eventually

Client = Callable[..., TestClient]
Made = Callable[..., Parts]
SMALL = {"max_body_bytes": 1000, "max_json_bytes": 100}


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
        connected(address, request("POST", "/echo", f"Content-Length: {length}", "Expect: 100-continue")) as connection,
    ):
        reply = rest_of(connection)
    assert status(reply) == 413
    assert b"100 Continue" not in reply


def test_a_client_that_sends_all_before_it_reads_gets_to_read_the_refusal(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusing, "LINGER_S", 60.0)  # however long it takes to send all
    size = 3_000_000
    with (
        answering(made(**SMALL).app) as address,
        connected(address, request("POST", "/echo", f"Content-Length: {size}") + bytes(size)) as connection,
    ):
        assert problem(rest_of(connection))["code"] == "too_large"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json"])
@pytest.mark.parametrize("path", ["/echo", "/deaf"])
@pytest.mark.parametrize("length", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_body_that_comes_too_slowly_is_refused(
    made: Made, path: str, kind: str, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusing, "LINGER_S", 0.1)  # nothing more is sent
    with (
        answering(made(body_timeout_s=0.2).app) as address,
        connected(address, request("POST", path, length, f"Content-Type: {kind}") + b"1") as connection,
    ):
        reply = rest_of(connection)
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
        connected(address, request("POST", "/echo", "Content-Length: 1000000")) as connection,
    ):
        dripping = threading.Thread(target=drip, args=(connection,))
        dripping.start()
        assert status(rest_of(connection)) == 408
        stop.set()
        dripping.join()


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost", b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nG"]
)
def test_headers_that_do_not_come_are_not_waited_for(made: Made, begun: bytes) -> None:
    with answering(made().app, head_timeout_s=0.2) as address, connected(address, begun) as connection:
        assert b'"too_slow"' in rest_of(connection)


def test_a_client_that_vanishes_is_no_error(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    with answering(made().app) as address:
        for kind in ("application/octet-stream", "application/json"):
            with connected(address, request("POST", "/echo", "Content-Length: 10", f"Content-Type: {kind}") + b"12"):
                pass
        with connected(address, b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert status(rest_of(connection)) == 200
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
            reply = rest_of(connection)
        with connected(address, b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert status(rest_of(connection)) == 200
    assert 200 <= status(reply) < 500
    assert b"Traceback" not in reply
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_too_many_headers_are_a_problem(made: Made) -> None:
    lines = b"".join(b"X-%d: y\r\n" % n for n in range(300))
    with (
        answering(made().app) as address,
        connected(address, b"GET /process HTTP/1.1\r\n" + lines + b"\r\n") as connection,
    ):
        reply = rest_of(connection)
    assert status(reply) == 431
    assert problem(reply)["code"] == "head_too_large"


def test_json_of_all_together_is_bounded_and_small_ones_are_always_taken(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "MOST_JSON_BYTES", 300_000)
    head = request("POST", "/echo", "Content-Length: 250000", "Content-Type: application/json", "Connection: close")
    with answering(made().app) as address:

        def refused() -> bytes:  # once what came of the first is counted
            with connected(address, head + b" " * 250_000) as second:
                reply = rest_of(second)
            return reply if status(reply) != 200 else b""

        with connected(address, head + b" " * 240_000) as first:
            reply = eventually(refused)
            assert status(reply) == 503
            assert problem(reply)["code"] == "overloaded"
            assert b"retry-after: 1" in reply.lower()
            small = request("POST", "/echo", "Content-Length: 2", "Content-Type: application/json", "Connection: close")
            with connected(address, small + b"{}") as third:
                assert status(rest_of(third)) == 200
            first.sendall(b" " * 10_000)
            assert status(rest_of(first)) == 200
        for _ in range(3):  # what was answered is held no longer
            with connected(address, head + b" " * 250_000) as again:
                assert status(rest_of(again)) == 200
