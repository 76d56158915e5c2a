"""How much a request may send, and how long it may take to send it."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.edge.json_depth import DEEPEST, is_too_deep
from lookalike.service.edge.refusing import Refusal, refuse, refuse_while_sending

BYTES_PER_S = 64_000
"""The slowest that a body may come, on top of what every body may take."""


class BodyRefused(Exception):
    """Raised where the application reads a body that goes no further; the client is told even if it is caught."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class BodyLimits:
    """Refuses bodies that are too large, come too slowly, or are JSON that is nested too deeply.

    A JSON body is read whole before the application is called. Every other one is counted while the application reads.

    Args:
        app: what it stands before.
        max_body_bytes: of any body.
        max_json_bytes: of a JSON body.
        timeout_s: that a body may take on top of a second per 64 kB. Only waiting for the client counts.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_json_bytes: int, timeout_s: float) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.max_json_bytes = max_json_bytes
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_json = _is_json(headers.get("content-type", ""))
        most = min(self.max_json_bytes, self.max_body_bytes) if is_json else self.max_body_bytes
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
            sending_waits = headers.get("expect", "").lower() == "100-continue"
            refusal = _too_large(most)
            await (
                refuse(refusal, scope, receive, send) if sending_waits else refuse_while_sending(refusal, receive, send)
            )
            return
        body = _Body(receive, most=most, timeout_s=self.timeout_s)
        await self._serve_json(scope, body, send) if is_json else await self._serve(scope, body, send)

    async def _serve(self, scope: Scope, body: _Body, send: Send) -> None:
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if body.refusal is None or started:
                started = True
                await send(message)

        try:
            await self.app(scope, body.receive, send_unless_refused)
        except BodyRefused:
            if started:
                raise
        if body.refusal is not None and not started:
            await refuse_while_sending(body.refusal, body.receive_anyhow, send)

    async def _serve_json(self, scope: Scope, body: _Body, send: Send) -> None:
        try:
            first = await body.read_whole()
        except BodyRefused as error:
            await refuse_while_sending(error.refusal, body.receive_anyhow, send)
            return
        if is_too_deep(first.get("body", b"")):
            detail = f"expected JSON of at most {DEEPEST} levels, got more"
            await refuse(Refusal(400, "malformed", "Malformed", detail), scope, body.receive_anyhow, send)
            return
        waiting = [first]

        async def receive() -> Message:
            return waiting.pop() if waiting else await body.receive_anyhow()

        await self.app(scope, receive, send)


class _Body:
    """A body that is counted while it comes."""

    def __init__(self, receive: Receive, *, most: int, timeout_s: float) -> None:
        self.receive_anyhow = receive
        self.refusal: Refusal | None = None
        self._most = most
        self._timeout_s = timeout_s
        self._size_bytes = 0
        self._waited_s = 0.0
        self._complete = False

    async def receive(self) -> Message:
        if self.refusal is not None:
            raise BodyRefused(self.refusal)
        if self._complete:
            return await self.receive_anyhow()
        message = await self._next()
        if message["type"] == "http.request":
            self._size_bytes += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        if self._size_bytes > self._most:
            self._refuse(_too_large(self._most))
        return message

    async def read_whole(self) -> Message:
        parts: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                return message
            parts.append(message.get("body", b""))
            if self._complete:
                return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    async def _next(self) -> Message:
        loop = asyncio.get_running_loop()
        allowed_s = self._timeout_s + self._size_bytes / BYTES_PER_S
        began = loop.time()
        try:
            async with asyncio.timeout(allowed_s - self._waited_s):
                return await self.receive_anyhow()
        except TimeoutError:
            detail = f"expected the body within {allowed_s:.0f} s, got {self._size_bytes} bytes in that time"
            return self._refuse(Refusal(408, "too_slow", "Too slow", detail))
        finally:
            self._waited_s += loop.time() - began

    def _refuse(self, refusal: Refusal) -> Message:
        self.refusal = refusal
        raise BodyRefused(refusal)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too_large", "Too large", f"expected a body of at most {most} bytes", {"limit_bytes": most})
