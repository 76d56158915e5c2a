"""The waiting line: callers in turn, nobody with more than their share, and a word on threads that get stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from lookalike.core.errors import Overloaded
from lookalike.service.asker import note_asker
from lookalike.service.batching import line as module
from lookalike.service.batching.ask import Ask
from lookalike.service.batching.line import Line, Share


class Call(Ask[str]):
    def __init__(self, name: str, collection: str = "") -> None:
        note_asker(name, collection)
        super().__init__(deadline=None)


def run(body: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(body)


def new_line(*, threads: int = 4, share: Share | None = None, most: int = 100) -> Line[Call]:
    return Line[Call]("calls", most=most, most_bytes=1, threads=threads, share=share)


def joined(line: Line[Call], *calls: Call) -> None:
    for call in calls:
        line.join(call)


def taken(line: Line[Call], count: int) -> list[str]:
    calls = [line.take() for _ in range(count)]
    return [call.asker.name for call in calls if call is not None]


def test_callers_take_turns_however_many_one_of_them_asks_for() -> None:
    async def body() -> None:
        line = new_line(threads=6)
        joined(line, *[Call("many") for _ in range(20)], Call("few"), Call("other"), Call("few"))
        assert taken(line, 6) == ["many", "few", "other", "many", "few", "many"]

    run(body())


def test_on_one_thread_too_callers_take_turns() -> None:
    async def body() -> None:
        line, order = new_line(threads=1), []
        joined(line, *[Call("many") for _ in range(5)], Call("few"), Call("few"))
        for _ in range(5):
            call = line.take()
            assert call is not None
            order.append(call.asker.name)
            line.done([call])
        assert order == ["many", "few", "many", "few", "many"]

    run(body())


def test_one_caller_has_no_more_threads_than_their_share() -> None:
    async def body() -> None:
        line = new_line(share=Share(caller=2, collection=4))
        calls = [Call("many") for _ in range(5)]
        joined(line, *calls)
        assert taken(line, 2) == ["many", "many"]
        third = asyncio.ensure_future(asyncio.to_thread(line.take))
        await asyncio.sleep(0.05)
        assert not third.done()
        joined(line, Call("other"))
        assert (await third).asker.name == "other"
        line.done([calls[0]])
        assert taken(line, 1) == ["many"]

    run(body())


def test_many_callers_do_not_take_all_threads_for_one_collection() -> None:
    async def body() -> None:
        line = new_line(share=Share(caller=4, collection=2))
        joined(line, *[Call(f"caller {n}", "crowded") for n in range(5)], Call("elsewhere", "quiet"))
        assert taken(line, 3) == ["caller 0", "caller 1", "elsewhere"]

    run(body())


def test_one_caller_does_not_take_all_places_to_wait() -> None:
    async def body() -> None:
        line = new_line(most=8)
        joined(line, *[Call("many") for _ in range(6)])
        with pytest.raises(Overloaded, match="calls wait"):
            line.join(Call("many"))
        joined(line, Call("other"), Call("other"))
        with pytest.raises(Overloaded):
            line.join(Call("third"))

    run(body())


def test_threads_that_are_taken_and_get_nowhere_count_as_saturated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        line = new_line(threads=2)
        first, second = Call("a"), Call("b")
        joined(line, first, second)
        taken(line, 2)
        monkeypatch.setattr(module, "STUCK_S", 3600.0)
        assert not line.is_saturated
        monkeypatch.setattr(module, "STUCK_S", 0.0)
        assert line.is_saturated
        line.done([second])
        assert not line.is_saturated

    run(body())


def test_nothing_is_kept_of_callers_for_whom_nothing_is_done() -> None:
    async def body() -> None:
        line = new_line()
        for n in range(50):
            call = Call(f"caller {n}")
            line.join(call)
            taken(line, 1)
            line.done([call])
        left = Call("left")
        line.join(left)
        line.leave(left)
        assert line._served == {}

    run(body())
