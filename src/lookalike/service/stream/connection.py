"""A WebSocket with bounds: on what comes, on how slowly it is read, on how long it is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import IntEnum

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from lookalike.service.stream.protocol import MOST_FRAME_BYTES, MOST_TEXT_BYTES


class Code(IntEnum):
    """Why a connection is closed."""

    DONE = 1000
    NOT_ALLOWED = 1008
    TOO_LARGE = 1009
    FAILED = 1011
    RESTART = 1012
    TOO_BUSY = 1013
    TOO_SLOW = 4408


class Closing(Exception):
    """The connection is to be closed.

    Args:
        code: for the client.
        reason: a word for people.
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Gone(Exception):
    """The client has closed the connection, or is no longer there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may take.

    Attributes:
        send_s: how long a message may take to be sent.
        idle_s: how long a client that is to send something may be silent.
        drain_s: how long the answer under way may take once the service is stopping.
        close_s: how long closing may take.
    """

    send_s: float = 10.0
    idle_s: float = 300.0
    drain_s: float = 5.0
    close_s: float = 2.0


class Connection:
    """One accepted WebSocket. Messages may be sent from several tasks, each whole.

    Args:
        websocket: accepted.
        bounds: that it keeps to.
    """

    def __init__(self, websocket: WebSocket, bounds: Bounds) -> None:
        self.bounds = bounds
        self._websocket = websocket
        self._sending = asyncio.Lock()

    async def send(self, text: str) -> None:
        """Send a message.

        Raises:
            Closing: when the client does not read what it is sent.
            Gone: when it is no longer there.
        """
        try:
            async with asyncio.timeout(self.bounds.send_s), self._sending:
                await self._websocket.send_text(text)
        except TimeoutError:
            raise Closing(Code.TOO_SLOW, "messages are not read") from None
        except (WebSocketDisconnect, RuntimeError) as error:  # RuntimeError: it was closed in the meantime
            raise Gone from error

    async def receive(self, *, idle_s: float | None = None) -> bytes | str:
        """The next message.

        Args:
            idle_s: how long it may take to come; None for ever.
        Raises:
            Closing: when it does not come, or is too large.
            Gone: when the client is no longer there.
        """
        try:
            async with asyncio.timeout(idle_s):
                message = await self._websocket.receive()
        except TimeoutError:
            raise Closing(Code.DONE, "nothing came for a long time") from None
        if message["type"] == "websocket.disconnect":
            raise Gone
        data: bytes | str = message["bytes"] if message.get("bytes") is not None else message["text"]
        if len(data) > (MOST_FRAME_BYTES if isinstance(data, bytes) else MOST_TEXT_BYTES):
            raise Closing(Code.TOO_LARGE, "the message is too large")
        return data

    async def close(self, code: Code, reason: str) -> None:
        """Close it, as far as the client lets us."""
        try:
            async with asyncio.timeout(self.bounds.close_s):
                await self._websocket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return  # it is no longer there, or does not read; the server lets go of it when we return


async def first_ended(*tasks: Coroutine[object, object, object]) -> None:
    """Run several until one ends, then end the others; raises what that one raised."""
    running = [asyncio.ensure_future(task) for task in tasks]
    for task in running:
        task.add_done_callback(_retrieve_error)
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)  # unlike `gather`, when cancelled it passes on the very error that came
    for task in running:
        if task in done:
            task.result()


def _retrieve_error(task: asyncio.Future[object]) -> None:
    """So that asyncio does not complain of the errors of those that were not the first."""
    if not task.cancelled():
        task.exception()
