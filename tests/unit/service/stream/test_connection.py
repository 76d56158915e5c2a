"""A connection keeps to its bounds; of several tasks the first that ends, ends the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lookalike.service.stream.connection import Bounds, Closing, Code, Connection, Gone, first_ended


class StuckWebSocket:
    """Whose client neither reads nor sends."""

    async def send_text(self, text: str) -> None:
        await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        await asyncio.Event().wait()


def new_connection() -> Connection:
    websocket: Any = StuckWebSocket()
    return Connection(websocket, Bounds(send_s=0.01, close_s=0.01))


def test_a_message_that_is_not_read_closes() -> None:
    async def body() -> None:
        with pytest.raises(Closing) as closing:
            await new_connection().send("hello")
        assert closing.value.code == Code.TOO_SLOW

    asyncio.run(body())


def test_a_message_behind_one_that_is_not_read_closes_too() -> None:
    async def body() -> None:
        connection = new_connection()
        results = await asyncio.gather(*[connection.send("hello") for _ in range(2)], return_exceptions=True)
        assert [type(one) for one in results] == [Closing, Closing]

    asyncio.run(body())


def test_closing_does_not_wait_for_a_client_that_does_not_read() -> None:
    asyncio.run(new_connection().close(Code.DONE, "done"))


async def for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


async def raises(error: Exception) -> None:
    raise error


def test_the_first_that_ends_ends_the_others_and_its_error_is_raised() -> None:
    async def body() -> None:
        ended: list[str] = []
        with pytest.raises(Gone):
            await first_ended(for_ever(ended), raises(Gone()), for_ever(ended))
        assert ended == ["ended", "ended"]

    asyncio.run(body())


def test_cancelled_it_ends_all() -> None:
    async def body() -> None:
        ended: list[str] = []
        task = asyncio.ensure_future(first_ended(for_ever(ended), for_ever(ended)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["ended", "ended"]

    asyncio.run(body())
