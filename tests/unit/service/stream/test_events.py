"""Who listens hears of every job once, in order, also after a lost connection; and only of what they may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lookalike.jobs.memory import MemoryJobs
from lookalike.service.access.principal import Principal, Scope
from tests.unit.service.stream.stream_service import HERE, NAME, World, listening

EVENTS = "/v1/events"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def put(world: World, count: int, *, collection: str = NAME) -> None:
    for n in range(count):
        world.ledger.jobs.enqueue("verify_upload", collection=collection, payload={"n": n})


def seqs(session: WebSocketTestSession, count: int) -> list[int]:
    return [session.receive_json()["seq"] for _ in range(count)]


def test_what_is_kept_comes_first_and_then_what_happens(world: World) -> None:
    put(world, 2)
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=0") as session:
        first = session.receive_json()
        assert (first["type"], first["seq"], first["event"]) == ("event", 1, "job.queued")
        assert (first["job"]["kind"], first["job"]["collection"]) == ("verify_upload", NAME)
        assert "payload" not in first["job"]
        assert seqs(session, 1) == [2]
        job = world.ledger.jobs.claim(["verify_upload"], worker="w", lease_s=60)
        assert job is not None
        world.ledger.jobs.finish(job.id, lease=job.lease, result={"kept": True})
        running, done = session.receive_json(), session.receive_json()
        assert (running["event"], done["event"], done["job"]["result"]) == ("job.running", "job.done", {"kept": True})


def test_it_goes_on_behind_the_last_one_known(world: World) -> None:
    put(world, 5)
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=3") as session:
        assert seqs(session, 2) == [4, 5]


def test_without_a_number_only_what_comes_from_now_on(world: World) -> None:
    put(world, 3)

    async def body(url: str) -> None:
        async with asyncio.timeout(60), connect(url + EVENTS) as client:
            while True:  # until it listens: what is put before is not told
                put(world, 1)
                try:
                    async with asyncio.timeout(0.3):
                        told = json.loads(await client.recv())
                        break
                except TimeoutError:
                    continue
            assert told["seq"] > 3

    with listening(world) as url:
        asyncio.run(body(url))


def test_more_than_one_look_gives_comes_all_the_same(world: World) -> None:
    put(world, 450)
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=0") as session:
        assert seqs(session, 450) == list(range(1, 451))


def test_what_is_no_longer_kept_is_a_gap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    put(world, 4)
    events = MemoryJobs.events

    def forgetful(self: MemoryJobs, after: int, **options: Any) -> Any:
        found, _ = events(self, max(after, 2), **options)
        return found, 2

    monkeypatch.setattr(MemoryJobs, "events", forgetful)
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=1") as session:
        assert session.receive_json() == {"type": "gap", "seq": 2}
        assert seqs(session, 2) == [3, 4]


def test_numbers_of_another_queue_are_a_gap_too(world: World) -> None:
    put(world, 1)
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=999") as session:
        assert session.receive_json() == {"type": "gap", "seq": 1}
        put(world, 1)
        assert seqs(session, 1) == [2]


def test_only_of_collections_that_one_may_see(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = Principal("tenant", frozenset({Scope.READ}), frozenset({NAME}), "token")
    monkeypatch.setattr(world.service.access, "authenticate", lambda *_, **__: tenant)
    put(world, 300, collection="theirs")
    put(world, 1)
    put(world, 300, collection="theirs")
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=0") as session:
        assert seqs(session, 1) == [301]
        put(world, 1)
        assert seqs(session, 1) == [602]


@pytest.mark.parametrize("after", ["-1", "x", "1e3", "%D9%A3", "9" * 19, ""])
def test_a_number_that_is_none_closes(world: World, after: str) -> None:
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after={after}") as session:
        with pytest.raises(WebSocketDisconnect) as closed:
            session.receive_json()
        assert closed.value.code == 1008


def test_whatever_a_listener_says_is_passed_over(world: World) -> None:
    with world.client().websocket_connect(f"{HERE}{EVENTS}?after=0") as session:
        session.send_text("garbage")
        session.send_bytes(b"garbage")
        put(world, 1)
        assert seqs(session, 1) == [1]


def test_many_listeners_hear_the_same_and_places_are_bounded(world: World) -> None:
    async def body(url: str) -> None:
        async with asyncio.timeout(60):
            clients = [await connect(f"{url}{EVENTS}?after=0") for _ in range(4)]
            put(world, 3)
            for client in clients:
                assert [json.loads(await client.recv())["seq"] for _ in range(3)] == [1, 2, 3]
            async with connect(f"{url}{EVENTS}") as one_more:
                with pytest.raises(ConnectionClosed) as closed:
                    await one_more.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            for client in clients:
                await client.close()

    with listening(world, most_listeners=5) as url:
        asyncio.run(body(url))


def test_when_the_service_is_about_to_stop_the_code_says_so(world: World) -> None:
    put(world, 1)

    async def body(url: str) -> None:
        async with asyncio.timeout(60), connect(f"{url}{EVENTS}?after=0") as client:
            await client.recv()
            world.service.health.drain()
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012

    with listening(world) as url:
        asyncio.run(body(url))
