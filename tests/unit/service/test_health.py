"""Whether the service can work, asked of parts that work, fail and hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from lookalike.core.errors import ServiceDown, StorageFailed
from lookalike.service.health import Health
from tests.waiting import PATIENCE_S


class Part:
    """Counts how often it was asked; hangs until it is let go, where it is to."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.asked = 0
        self.let_go = threading.Event()
        if not hangs:
            self.let_go.set()

    def __call__(self) -> None:
        self.asked += 1
        self.let_go.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def hanging() -> Iterator[Part]:
    part = Part(hangs=True)
    yield part
    part.let_go.set()


def test_without_parts_it_is_ready() -> None:
    assert asyncio.run(Health().ready()) == (True, {})


def test_a_part_that_fails_is_named_in_a_word(caplog: pytest.LogCaptureFixture) -> None:
    health = Health(timeout_s=PATIENCE_S)
    health.add("queue", Part())
    health.add("ledger", Part(StorageFailed("/secret/path is full")))
    health.add("catalog", Part(ValueError("secret")))

    report = asyncio.run(health.ready())

    assert report == (False, {"queue": "ok", "ledger": "storage_failed", "catalog": "failed"})
    assert "/secret/path" in caplog.text


def test_a_part_that_hangs_gives_no_answer_and_is_not_asked_again_meanwhile(hanging: Part) -> None:
    health = Health(timeout_s=0.05, kept_s=0.0)
    health.add("queue", Part())
    health.add("ledger", hanging)

    async def ask() -> None:
        for _ in range(3):
            while (report := await health.ready()).parts["queue"] != "ok":  # it may need longer on a busy machine
                pass
            assert report == (False, {"queue": "ok", "ledger": "no answer"})
        assert hanging.asked == 1
        hanging.let_go.set()
        while not (await health.ready()).ok:
            await asyncio.sleep(0.01)

    asyncio.run(ask())


def test_a_report_holds_for_a_while_and_all_who_ask_at_once_share_one() -> None:
    health, part = Health(timeout_s=PATIENCE_S, kept_s=PATIENCE_S), Part()
    health.add("queue", part)

    async def ask() -> None:
        await asyncio.gather(*(health.ready() for _ in range(20)))
        await health.ready()

    asyncio.run(ask())
    assert part.asked == 1


def test_one_who_asked_and_left_does_not_spoil_it_for_others() -> None:
    health, part = Health(timeout_s=PATIENCE_S), Part(hangs=True)
    health.add("queue", part)

    async def ask() -> None:
        leaving, staying = asyncio.create_task(health.ready()), asyncio.create_task(health.ready())
        await asyncio.sleep(0)
        leaving.cancel()
        part.let_go.set()
        assert (await staying).ok

    asyncio.run(ask())


def test_a_full_part_makes_it_unready_at_once_although_the_report_is_kept() -> None:
    health, full = Health(kept_s=60.0), False
    health.watch_saturation("embedding", lambda: full)

    async def ask() -> None:
        nonlocal full
        assert await health.ready() == (True, {"embedding": "ok"})
        full = True
        assert await health.ready() == (False, {"embedding": "saturated"})

    asyncio.run(ask())


def test_a_part_that_is_only_told_may_fail_or_hang_and_requests_are_sent_all_the_same(hanging: Part) -> None:
    health, error = Health(timeout_s=0.05, kept_s=0.0), ServiceDown("it is away")
    health.add("broker", Part(error), is_only_told=True)
    health.add("relay", hanging, is_only_told=True)

    async def ask() -> None:
        while (report := await health.ready()).parts["broker"] == "no answer":  # on a busy machine
            pass
        assert report == (True, {"broker": "service_down", "relay": "no answer"})
        health.add("ledger", Part(error))
        assert not (await health.ready()).ok
        health.drain()
        assert not (await health.ready()).ok

    asyncio.run(ask())


def test_one_that_drains_is_not_ready() -> None:
    health = Health()
    health.drain()
    assert health.draining
    assert asyncio.run(health.ready()) == (False, {"service": "draining"})
