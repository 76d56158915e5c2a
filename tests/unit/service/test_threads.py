"""Blocking calls run on a few threads; lines are bounded and deadlines kept."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from lookalike.core.errors import DeadlineExceeded, NotIndexed, Overloaded
from lookalike.service.threads import Threads
from tests.waiting import PATIENCE_S

WHO: ContextVar[str] = ContextVar("who")


def run(body: Coroutine[Any, Any, Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await body

    asyncio.run(bounded())


class Gate:
    """A call that waits to be let go."""

    def __init__(self) -> None:
        self._open, self._entered = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self._entered.set()
        assert self._open.wait(PATIENCE_S)
        return "through"

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, PATIENCE_S)

    @property
    def is_entered(self) -> bool:
        return self._entered.is_set()

    def open(self) -> None:
        self._open.set()


def test_a_call_gives_what_it_gives_and_raises_what_it_raises() -> None:
    def fails() -> None:
        raise NotIndexed("not there")

    async def body() -> None:
        threads = Threads(threads=2, waiting=4)
        assert await threads.run(lambda: 3 * 4) == 12
        with pytest.raises(NotIndexed, match="not there"):
            await threads.run(fails)
        assert await threads.run(threading.get_ident) != threading.get_ident()
        await threads.close()

    run(body())


def test_a_call_sees_the_callers_context() -> None:
    async def body() -> None:
        threads = Threads(threads=1, waiting=4)
        WHO.set("somebody")
        assert await threads.run(WHO.get) == "somebody"
        await threads.close()

    run(body())


def test_an_error_named_timeout_is_not_taken_for_the_deadline() -> None:
    def fails() -> None:
        raise TimeoutError("of the call itself")

    async def body() -> None:
        threads = Threads(threads=1, waiting=4)
        with pytest.raises(TimeoutError, match="itself"):
            await threads.run(fails, deadline=time.monotonic() + PATIENCE_S)
        await threads.close()

    run(body())


def test_more_than_may_wait_are_turned_away_and_the_others_come_in_order() -> None:
    async def body() -> None:
        threads, gate, order = Threads(threads=1, waiting=2), Gate(), []
        first = asyncio.ensure_future(threads.run(gate))
        await gate.entered()
        waiting = [asyncio.ensure_future(threads.run(lambda n=n: order.append(n))) for n in range(2)]  # type: ignore[misc]
        await asyncio.sleep(0)
        assert (threads.waiting, threads.saturated) == (2, True)
        with pytest.raises(Overloaded, match="calls wait") as refused:
            await threads.run(lambda: None)
        assert 1 <= refused.value.retry_after_s <= 60
        gate.open()
        assert await first == "through"
        await asyncio.gather(*waiting)
        assert order == [0, 1]
        await threads.close()

    run(body())


def test_with_no_place_to_wait_a_free_thread_still_serves() -> None:
    async def body() -> None:
        threads, gate = Threads(threads=1, waiting=0), Gate()
        for _ in range(100):
            while threads.saturated:  # until the thread stands ready
                await asyncio.sleep(0)
            await threads.run(lambda: None)
        while threads.saturated:
            await asyncio.sleep(0)
        first = asyncio.ensure_future(threads.run(gate))
        await gate.entered()
        with pytest.raises(Overloaded):
            await threads.run(lambda: None)
        gate.open()
        await first
        await threads.close()

    run(body())


def test_a_call_that_nobody_wants_any_more_is_not_made() -> None:
    async def body() -> None:
        threads, gate, made = Threads(threads=1, waiting=4), Gate(), []
        first = asyncio.ensure_future(threads.run(gate))
        await gate.entered()
        late = asyncio.ensure_future(threads.run(lambda: made.append("late"), deadline=time.monotonic() + 0.01))
        gone = asyncio.ensure_future(threads.run(lambda: made.append("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(DeadlineExceeded):
            await late
        gate.open()
        await first
        await threads.close()
        assert made == []

    run(body())


def test_a_caller_is_let_go_at_the_deadline_even_if_the_call_has_begun() -> None:
    async def body() -> None:
        threads, gate = Threads(threads=1, waiting=4), Gate()
        with pytest.raises(DeadlineExceeded):
            await threads.run(gate, deadline=time.monotonic() + 0.05)
        gate.open()
        assert await threads.run(lambda: "next") == "next"
        await threads.close()

    run(body())


def test_closing_turns_away_who_waits_and_waits_for_who_has_begun() -> None:
    async def body() -> None:
        threads, gate = Threads(threads=1, waiting=4), Gate()
        first = asyncio.ensure_future(threads.run(gate))
        await gate.entered()
        second = asyncio.ensure_future(threads.run(lambda: None))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(threads.close())
        with pytest.raises(Overloaded, match="stopping"):
            await second
        gate.open()
        await closing
        assert await first == "through"
        with pytest.raises(Overloaded):
            await threads.run(lambda: None)

    run(body())


def test_a_loop_that_has_gone_does_not_end_the_threads() -> None:
    gate = Gate()
    made: list[Threads] = []

    async def left_behind() -> None:
        made.append(Threads(threads=1, waiting=4))
        task = asyncio.ensure_future(made[0].run(gate))
        await gate.entered()
        task.cancel()

    async def later() -> None:
        gate.open()
        assert await made[0].run(lambda: "still there") == "still there"
        await made[0].close()

    run(left_behind())
    run(later())


async def begun_and_late(threads: Threads) -> tuple[Gate, asyncio.Future[str]]:
    """A call that had begun before its deadline, which has passed; given as much time as it takes to begin."""
    patience_s = 0.05
    while True:
        gate, deadline = Gate(), time.monotonic() + patience_s
        call = asyncio.ensure_future(threads.run(gate, deadline=deadline))
        while time.monotonic() <= deadline:
            await asyncio.sleep(0.01)
        if gate.is_entered:
            return gate, call
        gate.open()  # it may have begun just now
        with suppress(DeadlineExceeded):
            await call
        patience_s *= 2


def test_what_changes_something_is_waited_for_beyond_the_deadline_once_it_has_begun() -> None:
    async def body() -> None:
        threads, gate, made = Threads(threads=1, waiting=4, ends=False), Gate(), []
        deadline = time.monotonic() + 0.2
        first = asyncio.ensure_future(threads.run(gate, deadline=time.monotonic() + PATIENCE_S))
        await gate.entered()
        late = asyncio.ensure_future(threads.run(lambda: made.append("late"), deadline=deadline))
        with pytest.raises(DeadlineExceeded):
            await late
        gate.open()
        assert await first == "through"
        assert made == []
        again, begun = await begun_and_late(threads)
        assert not begun.done()
        again.open()
        assert await begun == "through"
        await threads.close()

    run(body())


def test_who_is_cancelled_waits_for_what_has_begun_where_they_said_so() -> None:
    async def body() -> None:
        threads, gate, made = Threads(threads=1, waiting=4, ends=False), Gate(), []
        first = asyncio.ensure_future(threads.run_through(gate))
        await gate.entered()
        second = asyncio.ensure_future(threads.run_through(lambda: made.append("second")))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not first.done()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await first
        await threads.close()
        assert made == []

    run(body())


def test_what_lets_go_of_something_is_never_turned_away() -> None:
    def fails() -> None:
        raise NotIndexed("not there")

    async def body() -> None:
        threads, gate, gone = Threads(threads=1, waiting=0, ends=False), Gate(), list[str]()
        while threads.saturated:
            await asyncio.sleep(0)
        first = asyncio.ensure_future(threads.run(gate))
        await gate.entered()
        with pytest.raises(Overloaded):
            await threads.run(lambda: None)
        cancelled = asyncio.ensure_future(threads.let_go(lambda: gone.append("cancelled")))
        waiting = asyncio.ensure_future(threads.let_go(lambda: gone.append("waiting")))
        await asyncio.sleep(0)
        cancelled.cancel()
        closing = asyncio.ensure_future(threads.close())
        await waiting
        gate.open()
        await asyncio.gather(first, closing, cancelled, return_exceptions=True)
        await threads.let_go(lambda: gone.append("closed"))
        assert sorted(gone) == ["cancelled", "closed", "waiting"]
        still_open = Threads(threads=1, waiting=4)
        with pytest.raises(NotIndexed):
            await still_open.let_go(fails)
        await still_open.close()

    run(body())
