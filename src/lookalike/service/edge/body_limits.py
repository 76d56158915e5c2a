"""How much a request may send, and how long it may take to send it."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.edge.refusing import Refusal, refuse, refuse_while_sending
from lookalike.service.request_bytes import RETRY_AFTER_S, Holding, RequestBytes

BYTES_PER_S = 64_000
"""The slowest that a body may come, on top of what every body may take."""


MOST_JSON_BYTES = 64_000_000
"""Of all JSON bodies that one process reads at a time, which lie in memory; see `RequestBytes`. What other bodies hold
is counted where they are kept."""


class BodyRefused(Exception):
    """Raised where the application reads a body that goes no further; the client is told even if it is caught."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class BodyLimits:
    """Refuses bodies that are too large or come too slowly, when the application begins to read them and while it does.

    Nothing is read before, so that an application that looks at credentials first takes in nothing without them.

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
        self._json = RequestBytes(MOST_JSON_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_json = _is_json(headers.get("content-type", ""))
        most = min(self.max_json_bytes, self.max_body_bytes) if is_json else self.max_body_bytes
        holding = Holding(self._json if is_json else RequestBytes(2 * most))  # which is never too much
        announced_bytes = _announced_bytes(headers)
        body = _Body(receive, announced_bytes=announced_bytes, most=most, timeout_s=self.timeout_s, holding=holding)
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
        finally:
            holding.let_go()
        if body.refusal is not None and not started:
            sending_waits = body.is_untouched and headers.get("expect", "").lower() == "100-continue"
            await (
                refuse(body.refusal, scope, receive, send)
                if sending_waits
                else refuse_while_sending(body.refusal, receive, send)
            )


class _Body:
    """A body that is counted while it comes.

    Attributes:
        refusal: why it goes no further; None while it does.
        is_untouched: whether nothing of it was read.
    """

    def __init__(
        self, receive: Receive, *, announced_bytes: int, most: int, timeout_s: float, holding: Holding
    ) -> None:
        self.refusal: Refusal | None = None
        self.is_untouched = True
        self._receive = receive
        self._announced_bytes = announced_bytes
        self._most = most
        self._timeout_s = timeout_s
        self._holding = holding
        self._waited_s = 0.0
        self._complete = False

    async def receive(self) -> Message:
        if self.refusal is not None:
            raise BodyRefused(self.refusal)
        if self._announced_bytes > self._most:
            self._refuse(_too_large(self._most))
        self.is_untouched = False
        if self._complete:
            return await self._receive()
        message = await self._next()
        fits = True
        if message["type"] == "http.request":
            fits = self._holding.add(len(message.get("body", b"")))
            self._complete = not message.get("more_body", False)
        if self._holding.size_bytes > self._most:
            self._refuse(_too_large(self._most))
        if not fits:
            detail = (
                "expected at most so many bytes at once as the service can hold, but others send as many already: try "
                f"again in {RETRY_AFTER_S} s"
            )
            self._refuse(Refusal(503, "overloaded", "Busy", detail, {"retry_after_s": RETRY_AFTER_S}))
        return message

    async def _next(self) -> Message:
        loop = asyncio.get_running_loop()
        allowed_s = self._timeout_s + self._holding.size_bytes / BYTES_PER_S
        began = loop.time()
        try:
            async with asyncio.timeout(allowed_s - self._waited_s):
                return await self._receive()
        except TimeoutError:
            detail = (
                f"expected the body within {allowed_s:.0f} s, got {self._holding.size_bytes} bytes in that time; "
                "send less "
                "at a time, or try again over a faster line"
            )
            return self._refuse(Refusal(408, "too_slow", "Too slow", detail))
        finally:
            self._waited_s += loop.time() - began

    def _refuse(self, refusal: Refusal) -> Message:
        self.refusal = refusal
        raise BodyRefused(refusal)


def _announced_bytes(headers: Headers) -> int:
    """How many bytes the client says that it sends; 0 where it does not."""
    said = headers.get("content-length", "")
    return int(said[:20]) if said.isascii() and said.isdigit() else 0


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def _too_large(most: int) -> Refusal:
    detail = f"expected a body of at most {most} bytes, got more; send less at a time, or shrink what you send"
    return Refusal(413, "too_large", "Too large", detail, {"limit_bytes": most})
