"""The queue is asked by one for all, and only while somebody listens."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lookalike.service.stream.broadcast import Broadcast


class Numbers:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.newest = 0
        self.fails = False
        self.asked = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked.release()
        if self.fails:
            raise OSError("the disk is gone")
        return self.newest

    async def again(self) -> None:
        assert await asyncio.to_thread(self.asked.acquire, timeout=30)


def test_all_listeners_learn_of_a_new_event_from_one_look() -> None:
    async def body() -> None:
        numbers = Numbers()
        broadcast = Broadcast(numbers, poll_s=0.001)
        async with broadcast.listening(), broadcast.listening():
            waiting = [asyncio.ensure_future(broadcast.beyond(seq)) for seq in (0, 2, 3)]
            await numbers.again()
            assert not any(one.done() for one in waiting)
            numbers.newest = 3
            await asyncio.gather(*waiting[:2])
            assert not waiting[2].done()
            waiting[2].cancel()

    asyncio.run(body())


def test_nobody_asks_while_nobody_listens() -> None:
    async def body() -> None:
        broadcast = Broadcast(Numbers(), poll_s=0.001)
        assert not broadcast.is_looking
        async with broadcast.listening():
            async with broadcast.listening():
                pass
            assert broadcast.is_looking
        assert not broadcast.is_looking
        async with broadcast.listening():
            assert broadcast.is_looking

    asyncio.run(body())


def test_jobs_that_fail_for_a_while_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        numbers = Numbers()
        numbers.newest, numbers.fails = 1, True
        broadcast = Broadcast(numbers, poll_s=0.001)
        async with broadcast.listening():
            await numbers.again()
            numbers.fails = False
            await broadcast.beyond(0)

    asyncio.run(body())
    assert "do not tell their events" in caplog.text
