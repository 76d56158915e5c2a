"""A client that goes away: what was begun for it is cancelled, and nothing else."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from lookalike.service.edge.leaving import Leaving, carry_on
from tests.connections import connected, request, rest_of
from tests.unit.service.small_service import answering

HEAD = request("GET", "/slow", "Connection: close")
POST = request("POST", "/slow", "Content-Length: 4", "Connection: close")
KEPT = request("GET", "/slow")


class Slow:
    """Answers nothing until it is cancelled, unless it is let go; counts how often it was asked."""

    def __init__(self, *, carries_on: bool = False) -> None:
        self.carries_on = carries_on
        self.begun, self.cancelled, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.go = threading.Event()
        self.times = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.times += 1
        while scope["method"] == "POST" and (await receive())["more_body"]:
            pass
        if self.carries_on:
            carry_on(scope)
        self.begun.set()
        try:
            while not self.go.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})
        self.ended.set()


@pytest.mark.parametrize(
    "request_bytes",
    [HEAD, POST + b"body", KEPT + HEAD, KEPT * 8],
    ids=["without a body", "with a body", "with another behind it", "with many behind it"],
)
def test_what_is_done_for_a_client_ends_when_it_goes(request_bytes: bytes) -> None:
    slow = Slow()
    with answering(Leaving(slow)) as address:
        with connected(address, request_bytes):
            assert slow.begun.wait(20)
            assert not slow.cancelled.is_set()
        assert slow.cancelled.wait(20)
    assert not slow.ended.is_set()
    assert slow.times == 1  # nothing of what waited was begun


@pytest.mark.parametrize("request_bytes", [HEAD, POST + b"body"], ids=["without a body", "with a body"])
def test_who_stays_is_answered(request_bytes: bytes) -> None:
    slow = Slow()
    with answering(Leaving(slow)) as address, connected(address, request_bytes) as connection:
        assert slow.begun.wait(20)
        time.sleep(0.1)
        slow.go.set()
        assert rest_of(connection).endswith(b"done")
    assert not slow.cancelled.is_set()


@pytest.mark.parametrize("request_bytes", [HEAD, POST + b"body"], ids=["without a body", "with a body"])
def test_what_is_to_be_carried_on_goes_on_without_its_client(request_bytes: bytes) -> None:
    slow = Slow(carries_on=True)
    with answering(Leaving(slow)) as address:
        with connected(address, request_bytes):
            assert slow.begun.wait(20)
        time.sleep(0.1)
        slow.go.set()
        assert slow.ended.wait(20)
    assert not slow.cancelled.is_set()
