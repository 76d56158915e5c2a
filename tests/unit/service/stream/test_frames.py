"""The newest waits, and those passed over are counted."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lookalike.service.stream.frames import Newest


def test_the_newest_is_taken_and_the_older_are_counted() -> None:
    async def body() -> None:
        newest = Newest[int]()
        assert [newest.put(n) for n in range(3)] == [None, 0, 1]
        assert await newest.take() == 2
        assert newest.dropped == 2

    asyncio.run(body())


def test_who_takes_waits_for_the_next() -> None:
    async def body() -> None:
        newest = Newest[int]()
        taking = asyncio.ensure_future(newest.take())
        await asyncio.sleep(0)
        assert not taking.done()
        newest.put(5)
        assert await taking == 5
        assert newest.dropped == 0

    asyncio.run(body())


def test_once_closed_what_waits_is_still_taken_and_then_nothing() -> None:
    async def body() -> None:
        newest = Newest[int]()
        newest.put(1)
        newest.close()
        assert await newest.take() == 1
        assert await newest.take() is None

    asyncio.run(body())


def test_who_takes_is_told_of_the_close() -> None:
    async def body() -> None:
        newest = Newest[Any]()
        taking = asyncio.ensure_future(newest.take())
        await asyncio.sleep(0)
        newest.close()
        assert await taking is None

    asyncio.run(body())


@given(st.lists(st.booleans(), max_size=60))
def test_what_was_put_is_what_was_taken_and_what_was_dropped(puts: list[bool]) -> None:
    async def body() -> None:
        newest, put, taken = Newest[int](), 0, []
        for is_put in puts:
            if is_put:
                newest.put(put)
                put += 1
            elif put and (not taken or taken[-1] != put - 1):
                taken.append(await newest.take())
        newest.close()
        while (last := await newest.take()) is not None:
            taken.append(last)
        assert put == len(taken) + newest.dropped
        assert taken == sorted(taken)

    asyncio.run(body())
