"""A stream answers in order, lets the newest wait, tells of what it cannot use, and goes on."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import numpy as np
import pytest
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import lookalike
from lookalike.collection.hosting import Hosting
from lookalike.service.access.access import Access
from lookalike.service.access.principal import LOOPBACK, Principal, Scope
from lookalike.service.request_bytes import RequestBytes
from lookalike.service.stream import admission
from lookalike.service.stream.connection import Bounds, Code, Connection
from lookalike.service.stream.searching import MOST_STREAMED_BYTES
from lookalike.service.websocket_protocol import MOST_UNFINISHED_BYTES
from tests.collections import png
from tests.unit.service.stream.stream_service import (
    HERE,
    NAME,
    STREAM,
    World,
    configure,
    frame,
    listening,
    unit,
    vector_frame,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[World]:
    """Whose embedder waits to be let go."""
    made = World(tmp_path, gated=True)
    yield made
    made.close()


def asked(session: WebSocketTestSession, message: bytes | str) -> Any:
    """The answer to a message."""
    if isinstance(message, bytes):
        session.send_bytes(message)
    else:
        session.send_text(message)
    return session.receive_json()


def closed_with(session: WebSocketTestSession) -> int:
    while True:
        try:
            session.receive_json()
        except WebSocketDisconnect as closed:
            return closed.code


async def code_of_end(client: ClientConnection) -> int | None:
    """The code with which the server closes, whatever it says before."""
    with suppress(ConnectionClosed):
        while True:
            await client.recv()
    return client.close_code


def test_first_it_says_what_it_is(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        assert session.receive_json() == {
            "type": "ready",
            "model": world.embedder.card.id,
            "dimension": 16,
            "collection": NAME,
            "max_bytes": 8_000_000,
        }


def test_a_picture_finds_what_a_search_of_the_collection_finds(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        session.send_text(configure(k=3, filter={"n": {"gte": 2}}))
        answer = asked(session, frame(1, png(5)))

    expected = world.collection.search(png(5), k=3, where="n >= 2")
    assert [(hit["id"], hit["similarity"]) for hit in answer["hits"]] == [(h.id, h.similarity) for h in expected]
    assert (answer["type"], answer["seq"], answer["exact"], answer["dropped"]) == ("hits", 1, True, 0)
    assert answer["plan"] == expected.plan
    assert {"decode", "embed", "search", "total"} <= answer["timings_ms"].keys()
    assert answer["hits"][0]["thumbnail_url"] == f"/v1/collections/{NAME}/images/{world.ids[5]}/thumbnail"
    assert world.metrics.where == ["server"]


def test_a_vector_finds_the_same_as_its_picture(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        session.send_text(configure(k=3, model=world.embedder.card.id))
        answer = asked(session, vector_frame(1, world.vector(5)))

    assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in world.collection.search(png(5), k=3)]
    assert world.metrics.where == ["client"]


GARBAGE: list[tuple[bytes | str, int | None, str]] = [
    (b"", None, "malformed"),
    (b"<html>", None, "malformed"),
    (b"<!doctype html><html><body>hello</body></html>", None, "malformed"),
    ("garbage", None, "malformed"),
    ("[" * 60_000, None, "malformed"),
    ('{"type": "stop"}', None, "invalid"),
    (configure(k=-1), None, "invalid"),
    (configure(filter={"n": {"near": 1}}), None, "filter_operator"),
    (frame(3, b"<!doctype html><html><body>hello</body></html>"), 3, "not_an_image"),
    (frame(4, png(1)[:60]), 4, "truncated"),
    (vector_frame(5, [math.nan] * 16), 5, "bad_vectors"),
    (vector_frame(6, [0.0] * 16), 6, "bad_vectors"),
    (vector_frame(7, unit(1.0)[:15]), 7, "dimension_mismatch"),
    (frame(8, b"abc", kind=2), 8, "bad_vectors"),
    (frame(2, png(1)), 2, "seq_not_growing"),
]


@pytest.mark.parametrize(("message", "seq", "code"), GARBAGE, ids=range(len(GARBAGE)))
def test_what_cannot_be_used_is_told_and_the_stream_goes_on(
    world: World, message: bytes | str, seq: int | None, code: str
) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        session.send_text(configure(model=world.embedder.card.id))
        assert asked(session, frame(2, png(1)))["seq"] == 2
        problem = asked(session, message)
        assert (problem["type"], problem["seq"], problem["code"]) == ("problem", seq, code)
        assert asked(session, frame(99, png(1)))["hits"][0]["id"] == world.ids[1]


def test_vectors_of_a_model_that_was_not_said_are_refused(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        assert asked(session, vector_frame(1, world.vector(1)))["code"] == "wrong_model"
        session.send_text(configure(model="0" * 64))
        assert asked(session, vector_frame(2, world.vector(1)))["code"] == "wrong_model"
        session.send_text(configure(model=world.embedder.card.id))
        assert asked(session, vector_frame(3, world.vector(1)))["type"] == "hits"


def test_what_is_configured_holds_for_the_queries_behind_it(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        assert len(asked(session, frame(1, png(1)))["hits"]) == 8
        session.send_text(configure(k=2))
        assert len(asked(session, frame(2, png(1)))["hits"]) == 2
        session.send_text(configure(filter={"n": 3}))
        assert len(asked(session, frame(3, png(1)))["hits"]) == 1


def test_near_identical_pictures_count_once_where_that_is_configured(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        session.send_text(configure(collapse="group", k=3))
        answer = asked(session, frame(1, png(1)))

    expected = world.collection.search(png(1), k=3, collapse="group")
    assert [(hit["id"], hit["group"]) for hit in answer["hits"]] == [(hit.id, list(hit.group)) for hit in expected]
    assert answer["plan"] == expected.plan


@pytest.mark.parametrize("message", [frame(1, b"x" * 8_000_000), "x" * 64_001], ids=["frame", "text"])
def test_what_is_too_large_closes(world: World, message: bytes | str) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        session.send_bytes(message) if isinstance(message, bytes) else session.send_text(message)
        assert closed_with(session) == 1009


def test_a_silent_client_is_let_go(tmp_path: Path) -> None:
    world = World(tmp_path, bounds=Bounds(idle_s=0.05))
    with world.client().websocket_connect(HERE + STREAM) as session:
        assert closed_with(session) == 1000
    world.close()


def test_only_so_many_streams_are_open_at_once(world: World) -> None:
    client = world.client(most_streams=1)
    with client, client.websocket_connect(HERE + STREAM) as first:
        first.receive_json()
        with client.websocket_connect(HERE + STREAM) as second:
            assert closed_with(second) == 1013
        assert asked(first, frame(1, png(1)))["seq"] == 1


@pytest.mark.parametrize("collection", ["none", "UPPER", "%2e%2e"])
def test_a_collection_that_is_not_there_closes(world: World, collection: str) -> None:
    with world.client().websocket_connect(f"{HERE}/v1/collections/{collection}/stream") as session:
        assert closed_with(session) == 1008


def test_a_collection_that_goes_away_is_told(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        world.service.collections.collection = None  # type: ignore[attr-defined]
        assert asked(session, frame(1, png(1)))["code"] == "no_collection"


def test_a_page_of_another_origin_is_not_let_in(world: World) -> None:
    with world.client().websocket_connect(HERE + STREAM, headers={"Origin": "https://elsewhere.example"}) as session:
        assert closed_with(session) == 1008


def test_a_browser_comes_in_with_a_ticket_once(world: World) -> None:
    ticket = world.service.access.issue_ticket(LOOPBACK).ticket
    offered = ["lookalike.v1", f"ticket.{ticket}"]
    client = world.client()
    with client.websocket_connect(HERE + STREAM, subprotocols=offered) as session:
        assert session.accepted_subprotocol == "lookalike.v1"
        assert session.receive_json()["type"] == "ready"
    with client.websocket_connect(HERE + STREAM, subprotocols=offered) as session:
        assert closed_with(session) == 1008


def test_who_may_no_longer_be_here_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        monkeypatch.setattr(world.service.access, "is_good", lambda _: False)
        assert closed_with(session) == 1008


def test_an_error_that_should_not_be_closes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a mistake of ours")

    with world.client().websocket_connect(HERE + STREAM) as session:
        session.receive_json()
        monkeypatch.setattr(Hosting, "search_vectors", fails)
        session.send_bytes(frame(1, png(1)))
        assert closed_with(session) == 1011


# With a real server


def run(world: World, body: Any, **options: Any) -> None:
    """Run a test with its address, bounded in time."""

    async def bounded(url: str) -> None:
        async with asyncio.timeout(60):
            await body(url)

    with listening(world, **options) as url:
        asyncio.run(bounded(url))


async def entered(world: World) -> None:
    assert await asyncio.to_thread(world.embedder.entered.acquire, timeout=30)


async def answer(client: ClientConnection) -> Any:
    return json.loads(await client.recv())


async def first_and(client: ClientConnection, world: World, later: int) -> None:
    """Send one query, and others while that is worked on: `later` of them, all of which have arrived at the end."""
    await client.recv()
    await client.send(frame(0, png(0)))
    await entered(world)
    for n in range(1, later + 1):
        await client.send(frame(n, png(n % 8)))
    await client.send("no configure")  # the answer to which tells that what was sent before has arrived
    assert (await answer(client))["code"] == "malformed"


def test_while_one_is_worked_on_the_newest_waits_and_nothing_is_lost_uncounted(slow: World) -> None:
    async def body(url: str) -> None:
        async with connect(url + STREAM) as client:
            await first_and(client, slow, 6)
            slow.embedder.gate.set()
            answers = [await answer(client) for _ in range(2)]
            assert [one["seq"] for one in answers] == [0, 6]
            assert answers[1]["hits"][0]["id"] == slow.ids[6]
            assert len(answers) + answers[1]["dropped"] == 7
            assert slow.metrics.dropped == answers[1]["dropped"]

    run(slow, body)


def test_more_than_may_be_held_is_refused_and_what_was_held_is_let_go(slow: World) -> None:
    large = png(3) + bytes(300_000)  # a trailer

    async def body(url: str) -> None:
        async with connect(url + STREAM) as first, connect(url + STREAM) as second, connect(url + STREAM) as third:
            await first_and(first, slow, 0)
            await second.recv()
            await third.recv()
            await first.send(frame(1, large))
            await first.send(frame(2, large))  # in its place
            while slow.service.streamed.size_bytes < 300_000:
                await asyncio.sleep(0.001)
            await second.send(frame(0, large))
            while slow.service.streamed.size_bytes < 600_000:
                await asyncio.sleep(0.001)
            await third.send(frame(0, large))
            told = await answer(third)
            assert (told["seq"], told["code"]) == (0, "overloaded")
            await third.send(frame(1, png(4)))  # a small one is taken beyond it
            slow.embedder.gate.set()
            assert (await answer(third))["hits"][0]["id"] == slow.ids[4]
            assert (await answer(second))["hits"][0]["id"] == slow.ids[3]
            await third.send(frame(2, large))
            assert (await answer(third))["hits"][0]["id"] == slow.ids[3]
        while slow.service.streamed.size_bytes:
            await asyncio.sleep(0.001)

    run(slow, body)


def test_the_reference_tells_the_bounds_that_are_kept() -> None:
    told = (Path(lookalike.__file__).parents[2] / "docs" / "reference" / "http.md").read_text("utf-8")
    held = RequestBytes(MOST_STREAMED_BYTES)
    for bound in (held.most_bytes, held.most_of_one_bytes, MOST_UNFINISHED_BYTES):
        assert f"{bound // 1_000_000} MB" in told.partition("**Stream.**")[2].partition("**Events.**")[0]


def test_answers_come_in_order_however_fast_queries_come(world: World) -> None:
    async def body(url: str) -> None:
        async with connect(url + STREAM) as client:
            await client.recv()
            for n in range(200):
                await client.send(frame(n, png(n % 8)))
            answers = []
            while not answers or answers[-1]["seq"] < 199:
                answers.append(await answer(client))
            seqs = [one["seq"] for one in answers]
            assert seqs == sorted(set(seqs))
            assert all(one["hits"][0]["id"] == world.ids[one["seq"] % 8] for one in answers)
            assert len(answers) + answers[-1]["dropped"] == 200

    run(world, body)


def test_a_client_that_vanishes_frees_its_place_and_what_waits_for_it(slow: World) -> None:
    async def body(url: str) -> None:
        client = await connect(url + STREAM)
        await first_and(client, slow, 1)
        client.transport.abort()
        slow.embedder.gate.set()
        while True:  # until the place is free
            async with connect(url + STREAM) as other:
                with suppress(ConnectionClosed):
                    assert (await answer(other))["type"] == "ready"
                    break
                assert other.close_code == 1013
        assert slow.service.embedding.waiting == 0
        assert sum(slow.embedder.batches) <= 10  # 8 that were taken in, one that was worked on, one that waited

    run(slow, body, most_streams=1)


def test_when_the_service_is_about_to_stop_what_waits_is_answered_and_the_code_says_so(slow: World) -> None:
    async def body(url: str) -> None:
        async with connect(url + STREAM) as client:
            await first_and(client, slow, 1)
            slow.service.health.drain()
            slow.embedder.gate.set()
            assert [(await answer(client))["seq"] for _ in range(2)] == [0, 1]
            assert await code_of_end(client) == 1012

    run(slow, body)


def test_a_client_that_does_not_read_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, bounds=Bounds(send_s=0.2, close_s=30.0))
    for n in range(8):
        world.collection.add(png(n), metadata={"text": "x" * 20_000})
    gave_up = asyncio.Event()
    close = Connection.close

    async def noticed(self: Connection, code: Code, reason: str) -> None:
        gave_up.set()
        await close(self, code, reason)

    monkeypatch.setattr(Connection, "close", noticed)

    async def body(url: str) -> None:
        async with connect(url + STREAM, max_queue=1, compression=None) as client:
            for n in itertools.count():
                await client.send(frame(n, png(n % 8)))
                await asyncio.sleep(0.001)
                if gave_up.is_set():
                    break
            assert await code_of_end(client) == 4408

    run(world, body)
    world.close()


def test_vectors_of_a_real_client_are_read_as_little_endian(world: World) -> None:
    async def body(url: str) -> None:
        async with connect(url + STREAM) as client:
            await client.recv()
            await client.send(configure(model=world.embedder.card.id, k=1))
            await client.send(vector_frame(1, np.asarray(world.vector(3), ">f4")))
            assert (await answer(client))["hits"][0]["id"] == world.ids[3]

    run(world, body)


def test_who_is_not_told_where_files_lie_may_not_ask_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Principal("reader", frozenset({Scope.READ}), None, "key")
    monkeypatch.setattr(admission, "principal_of_websocket", AsyncMock(return_value=reader))
    monkeypatch.setattr(Access, "is_good", lambda *_: True)
    with world.client().websocket_connect(STREAM) as session:
        session.receive_json()
        session.send_text(configure(filter={"path": {"like": "/*"}}))
        told = asked(session, frame(1, png(1)))

    assert (told["type"], told["code"]) == ("problem", "unknown_field")
    assert "path" not in told["values"]["known"]
