"""What one connection may make the service hold, and for how long, on real sockets."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lookalike.service import websocket_protocol
from lookalike.service.http_protocol import MOST_AHEAD
from lookalike.service.http_protocol import _BoundedHttp as BoundedHttp
from lookalike.service.websocket_protocol import MOST_AFTER_CLOSE_BYTES, PIECE_BYTES, Turns
from lookalike.service.websocket_protocol import _BoundedWebSocket as BoundedWebSocket
from tests.connections import Address, connected, head_of, is_ended, reply_of, request, rest_of, up_to
from tests.services import FIRST, listening, token
from tests.unit.service.small_service import Parts, answering, parts, settings
from tests.waiting import PATIENCE_S, given_time_enough

GET = b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n"
KEPT = b"GET /deadline HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 6_000_000


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Parts]:
    return lambda **changed: parts(settings(tmp_path, **changed))


@pytest.fixture(autouse=True)
def who_does_not_say_goodbye_is_waited_for_less_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_protocol, "CLOSE_S", 0.3)


def echoed(size: int) -> bytes:
    return request("POST", "/echo", f"Content-Length: {size}", "Connection: close") + bytes(size)


@pytest.mark.parametrize(
    "piece", [b"a: b\r\n" * 1_000, b"a" * 6_000, b"a: " + b"b" * 6_000], ids=["fields", "a name", "values"]
)
def test_fields_behind_a_chunked_body_are_not_taken_without_end(made: Callable[..., Parts], piece: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    with answering(made().app) as address, connected(address, head) as connection:
        assert is_ended(connection, piece)


def test_a_few_fields_behind_a_chunked_body_do_no_harm(made: Callable[..., Parts]) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with answering(made().app) as address, connected(address, head + b"1\r\nx\r\n0\r\na: b\r\n\r\n") as connection:
        reply = rest_of(connection)
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.endswith(b"x")


def test_a_body_in_the_smallest_chunks_is_taken(made: Callable[..., Parts]) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with answering(made().app) as address, connected(address, head) as connection:
        connection.sendall(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        assert rest_of(connection).count(b"x") >= 50_000


def test_requests_may_come_ahead_but_not_many(made: Callable[..., Parts], tmp_path: Path) -> None:
    with answering(made().app) as address:
        with connected(address, KEPT * MOST_AHEAD + GET) as connection:
            assert rest_of(connection).count(b"HTTP/1.1 200") == MOST_AHEAD + 1
        with connected(address, b"GET /wait/x HTTP/1.1\r\nHost: x\r\n\r\n" + KEPT * 100) as connection:
            assert rest_of(connection) == b""
        (tmp_path / "x").touch()  # else the server ends when the request's time is over


def test_who_asks_too_much_ahead_while_they_are_answered_is_no_error(
    made: Callable[..., Parts], caplog: pytest.LogCaptureFixture
) -> None:
    with answering(made().app) as address:
        for _ in range(10):
            with connected(address, KEPT * 100) as connection:
                rest_of(connection)
        with connected(address, GET) as another:
            assert rest_of(another).startswith(b"HTTP/1.1 200")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_websocket_is_not_opened_behind_a_request_that_is_being_answered(
    made: Callable[..., Parts], tmp_path: Path
) -> None:
    with answering(made().app) as address, connected(address, b"GET /wait/x HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        connection.sendall(upgrade("/socket"))
        assert rest_of(connection) == b""
        (tmp_path / "x").touch()  # else the server ends when the request's time is over


def test_what_cannot_be_read_behind_a_reply_that_has_begun_is_not_answered_within_it(
    made: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2_000_000
    head = request("POST", "/echo", f"Content-Length: {size}")
    with answering(made().app) as address, connected(address, head + bytes(size)) as connection:
        begun = head_of(connection)
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345no request\r\n\r\n")
        reply = rest_of(connection)
    assert begun.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 4" not in reply[:size]


def test_a_reply_that_is_not_read_is_waited_for_only_a_while(
    made: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_lost, connection_lost = threading.Event(), BoundedHttp.connection_lost

    def lost(self: BoundedHttp, error: Exception | None) -> None:
        connection_lost(self, error)
        is_lost.set()

    monkeypatch.setattr(BoundedHttp, "connection_lost", lost)
    with answering(made().app, unread_timeout_s=0.3) as address, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(echoed(LARGE))
        assert is_lost.wait(PATIENCE_S)
        assert len(rest_of(connection)) < LARGE


def test_a_reply_that_is_read_slowly_comes_whole(made: Callable[..., Parts]) -> None:
    def attempt(times: int) -> None:
        with (
            answering(made().app, unread_timeout_s=0.5 * times) as address,
            connected(address, echoed(LARGE)) as connection,
        ):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            reply = rest_of(connection, pause_s=0.02 * times)
        assert len(reply.partition(b"\r\n\r\n")[2]) == LARGE

    given_time_enough(attempt)


def test_of_too_many_connections_the_new_one_is_refused(made: Callable[..., Parts]) -> None:
    with answering(made().app, most_connections=3) as address, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(address, b"GET / HTTP/1.1\r\n"))
        with connected(address) as refused:
            reply = rest_of(refused)
    assert reply.startswith(b"HTTP/1.1 503")
    assert b"retry-after: " in reply.lower()
    assert b'"overloaded"' in reply


def test_connections_between_two_requests_make_room(made: Callable[..., Parts]) -> None:
    with answering(made().app, most_connections=3) as address, ExitStack() as stack:
        kept = [stack.enter_context(connected(address, KEPT)) for _ in range(3)]
        for one in kept:
            assert reply_of(one).startswith(b"HTTP/1.1 200")
        with connected(address, GET) as another:
            assert rest_of(another).startswith(b"HTTP/1.1 200")
        assert rest_of(kept[0]) == b""


def test_what_comes_after_an_upgrade_to_something_else_is_not_looked_at(made: Callable[..., Parts]) -> None:
    head = b"GET /process HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with answering(made().app) as address, connected(address, head) as connection:
        assert head_of(connection).startswith(b"HTTP/1.1 200")
        assert is_ended(connection, GET * 100)


def upgrade(path: str, headers: dict[str, str] | None = None) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    said = {"Host": "x", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    lines = (f"{name}: {value}" for name, value in {**said, "Sec-WebSocket-Key": key, **(headers or {})}.items())
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines, "", "")).encode()


def opened(address: Address, path: str, headers: dict[str, str] | None = None) -> socket.socket:
    """A WebSocket that was accepted; what is sent before that need not be kept."""
    connection = connected(address, upgrade(path, headers))
    assert head_of(connection).startswith(b"HTTP/1.1 101")
    return connection


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


def code_of(reply: bytes) -> int:
    """Of the close that ends it."""
    position = reply.rindex(b"\x88")
    return int.from_bytes(reply[position + 2 : position + 4], "big")


@pytest.fixture
def whole(tmp_path: Path) -> Any:
    with listening(tmp_path) as (url, _, _):
        yield Address.of(url)


@pytest.fixture
def hasty(tmp_path: Path) -> Any:
    """One that waits for nobody to read."""
    with listening(tmp_path, body_timeout_s=1.0) as (url, _, _):
        yield Address.of(url)


STREAM = f"/v1/collections/{FIRST}/stream"


@pytest.mark.parametrize("then", [b"", frame(1, b"hello"), frame(9, bytes(125)) * 100], ids=["no", "a text", "pings"])
def test_a_refused_websocket_is_told_why_and_ended(whole: Address, then: bytes) -> None:
    with opened(whole, STREAM) as connection:
        connection.sendall(then)
        reply = rest_of(connection)
    assert code_of(reply) == 1008
    assert reply.count(b"\x8a") == 0  # not a pong


def test_a_refused_websocket_that_keeps_sending_is_ended(hasty: Address) -> None:
    with opened(hasty, STREAM) as connection:
        assert is_ended(connection, frame(9, bytes(125)) * 1_000)
    with opened(hasty, STREAM) as connection:
        connection.sendall(b"\x82\xff" + (10**7).to_bytes(8, "big") + bytes(4))
        assert is_ended(connection, bytes(65_536))


def test_of_what_a_refused_websocket_sends_next_to_nothing_is_parsed(
    whole: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    monkeypatch.setattr(BoundedWebSocket, "handle_cont", lambda self, event: taken.append(event))
    with opened(whole, STREAM) as connection:
        assert is_ended(connection, frame(2, fin=False) + frame(0, fin=False) * 100_000)
    assert len(taken) * len(frame(0)) <= MOST_AFTER_CLOSE_BYTES + PIECE_BYTES


def test_a_mistake_in_parsing_ends_that_connection_alone(whole: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: BoundedWebSocket, event: object) -> None:
        raise RuntimeError("a mistake")

    with opened(whole, STREAM, token("read")) as other, opened(whole, STREAM, token("read")) as connection:
        with monkeypatch.context() as mistaken:
            mistaken.setattr(BoundedWebSocket, "handle_text", fails)
            assert is_ended(connection, frame(1, b"hello"))
        other.sendall(frame(1, b"hello"))
        assert b'"malformed"' in up_to(other, b'"malformed"')


class Talker:
    """A connection with so many pieces to parse, each of which takes its moment."""

    def __init__(self, name: str, pieces: int, done: list[str], turns: Turns) -> None:
        self.loop = asyncio.get_running_loop()
        self.name, self.pieces, self.done, self.turns = name, pieces, done, turns

    def parse_for(self, seconds: float) -> None:
        self.pieces -= 1
        self.done.append(self.name)

    def go_on(self) -> None:
        if self.pieces:
            self.turns.join(self)  # type: ignore[arg-type]


def test_connections_are_parsed_in_turn_and_whatever_else_waits_is_done_between() -> None:
    async def body() -> list[str]:
        done: list[str] = []
        turns = Turns()
        for talker in (Talker("a", 3, done, turns), Talker("b", 2, done, turns), Talker("c", 1, done, turns)):
            talker.go_on()
            talker.go_on()
        while len(done) < 12:
            await asyncio.sleep(0)
            done.append("-")
        return done

    assert "".join(asyncio.run(body())) == "a-b-c-a-b-a-"


def test_a_websocket_whose_head_cannot_be_read_is_answered_and_ended(whole: Address) -> None:
    for headers in ({f"X-{n}": "y" for n in range(200)}, {"X": "y" * 20_000}):
        with connected(whole, upgrade(STREAM, headers)) as connection:
            assert rest_of(connection).startswith(b"HTTP/1.1 431")


def test_pongs_that_are_not_read_end_the_websocket(hasty: Address) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(20)
        connection.connect(hasty)
        connection.sendall(upgrade(STREAM, token("read")))
        assert head_of(connection).startswith(b"HTTP/1.1 101")
        assert is_ended(connection, frame(9, bytes(125)) * 1_000)


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_a_message_in_too_many_fragments_ends_the_websocket(whole: Address, payload: bytes) -> None:
    with opened(whole, STREAM, token("read")) as connection:
        connection.sendall(frame(2, payload, fin=False) + frame(0, payload, fin=False) * 5_000)
        assert code_of(rest_of(connection)) == 1009


def test_many_small_messages_are_all_answered_and_keep_nobody_waiting(whole: Address) -> None:
    many = 500
    with opened(whole, STREAM, token("read")) as connection:
        connection.sendall(frame(1) * many)
        with connected(whole, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as other:
            assert rest_of(other).startswith(b"HTTP/1.1 200")
        assert up_to(connection, b'"problem"', times=many).count(b'"problem"') == many


def test_what_comes_in_one_piece_with_the_upgrade_is_not_lost(whole: Address) -> None:
    with connected(whole, upgrade(STREAM, token("read")) + frame(1, b"hello")) as connection:
        came = up_to(connection, b'"malformed"')  # the answer to it
    assert b'"malformed"' in came
    assert came.startswith(b"HTTP/1.1 101")
    with connected(whole, upgrade(STREAM) + frame(1, b"hello")) as connection:
        assert code_of(rest_of(connection)) == 1008


def test_of_unfinished_messages_that_are_too_much_together_the_largest_of_the_greediest_goes(
    whole: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_protocol, "MOST_UNFINISHED_BYTES", 1_000_000)
    begun = b"\x82\xff" + (500_000).to_bytes(8, "big") + bytes(4)
    greedy = token("read", name="greedy")
    with (
        opened(whole, STREAM, token("read")) as large,
        opened(whole, STREAM, greedy) as first,
        opened(whole, STREAM, greedy) as second,
    ):
        large.sendall(begun + bytes(400_000))
        first.sendall(begun + bytes(350_000))
        second.sendall(begun + bytes(300_000))
        assert code_of(rest_of(first)) == 1013
        large.sendall(bytes(100_000))
        assert b'"malformed"' in up_to(large, b'"malformed"')  # an answer: it is still there


def test_of_unfinished_messages_that_are_too_much_together_the_largest_goes(
    whole: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_protocol, "MOST_UNFINISHED_BYTES", 1_000_000)
    begun = b"\x82\xff" + (10**6).to_bytes(8, "big") + bytes(4)
    with opened(whole, STREAM, token("read")) as large, opened(whole, STREAM, token("read")) as small:
        large.sendall(begun + bytes(900_000))
        small.sendall(begun + bytes(200_000))
        assert code_of(rest_of(large)) == 1013
        small.sendall(bytes(800_000))
        assert b'"malformed"' in up_to(small, b'"malformed"')  # an answer: it is still there
