"""Who goes away before the answer: what is done for them ends."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TO_ITS_END = "to_its_end"


def carry_on(scope: Scope) -> None:
    """Have a request go on when its client leaves or its time is over, for its reply is kept for later.

    What it has not begun by its deadline, it must not begin.
    """
    scope.setdefault("state", {})[_TO_ITS_END] = True


def carries_on(scope: Scope) -> bool:
    """Whether a request does."""
    return bool(scope.get("state", {}).get(_TO_ITS_END, False))


class Leaving:
    """Cancels a request whose client has closed the connection before the whole reply was sent; see `carry_on`.

    Nothing is cancelled while a body comes: there the application itself notices.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Followed(self.app, scope, receive, send).serve()


class _Followed:
    """One request, and a look at its connection."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._task = asyncio.current_task()
        self._looking: asyncio.Task[Message] | None = None
        self._first: list[Message] = []
        self._is_over = False
        self._has_left = False

    async def serve(self) -> None:
        headers = Headers(scope=self._scope)
        if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
            self._first.append(await self._next())  # nobody may ever ask for a body that is not there
        try:
            await self._app(self._scope, self._take, self._note_sent)
        except asyncio.CancelledError:
            if not self._has_left or self._task is None or self._task.uncancel() > 0:
                raise
        finally:
            self._is_over = True
            if self._looking is not None:
                self._looking.cancel()

    async def _take(self) -> Message:
        if self._first:
            return self._first.pop()
        if self._looking is not None:
            return await asyncio.shield(self._looking)
        return await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._looking = asyncio.create_task(self._look())
        return message

    async def _look(self) -> Message:
        message = await self._receive()
        if not self._is_over and not carries_on(self._scope) and self._task is not None:
            self._has_left = True
            self._task.cancel()
        return message

    async def _note_sent(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._is_over = True
        await self._send(message)
