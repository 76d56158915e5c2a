"""How long the caller waits: known to the handlers, and kept even where one forgets it."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.edge.leaving import carries_on
from lookalike.service.edge.refusing import Refusal, refuse, reply_to_refusal

HEADER = "X-Timeout-Ms"
LONGEST_MS = 60_000


class Deadlines:
    """Sets `scope["state"]["deadline"]`, on the monotonic clock in seconds, and answers 504 when it has passed.

    A client that says `X-Timeout-Ms` waits so long from the beginning of its request. For one that does not, the time
    begins again with each part of its body, so that a large upload may take as long as it needs. A reply that has
    begun is not cut off, and WebSockets have no deadline. What is late is cancelled; what carries on, only answered.

    Args:
        app: what it stands before.
        default_ms: of a request that says nothing.
    """

    def __init__(self, app: ASGIApp, *, default_ms: int) -> None:
        self.app = app
        self.default_ms = default_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        said = headers.get(HEADER)
        timeout_ms = self.default_ms if said is None else _parse(said)
        if timeout_ms is None:
            detail = (
                f"expected {HEADER} to be a whole number, 1 to {LONGEST_MS}, got {said!r:.80}; leave it out for "
                f"{self.default_ms}"
            )
            await refuse(Refusal(422, "bad_input", "Cannot be used", detail), scope, receive, send)
            return
        watched = _Watched(self.app, scope, timeout_s=timeout_ms / 1000, renewed=said is None)
        await watched.serve(receive, send)


class _Watched:
    """One request, and the clock that runs while it is answered."""

    def __init__(self, app: ASGIApp, scope: Scope, *, timeout_s: float, renewed: bool) -> None:
        self._app = app
        self._scope = scope
        self._timeout_s = timeout_s
        self._renew = renewed  # whether each part of the body that comes sets the clock back
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None  # in the place of what carries on
        self._started = False

    async def serve(self, receive: Receive, send: Send) -> None:
        self._answer = partial(self._tell, receive, send)
        try:
            async with self._limit:
                self._set_clock()
                await self._app(self._scope, self._receiving(receive) if self._renew else receive, self._sending(send))
        except TimeoutError:
            if not self._limit.expired():
                raise
            if not self._started:
                await self._answer()
        finally:
            self._stop_clock()
            if self._answering is not None:
                await self._answering

    def _set_clock(self) -> None:
        self._scope.setdefault("state", {})["deadline"] = time.monotonic() + self._timeout_s
        if not self._started and not self._limit.expired():
            self._stop_clock()
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._over)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        loop = asyncio.get_running_loop()
        if carries_on(self._scope):
            self._answering = loop.create_task(self._answer())
        else:
            self._limit.reschedule(loop.time())

    async def _tell(self, receive: Receive, send: Send) -> None:
        detail = (
            f"it could not be answered in {self._timeout_s * 1000:.0f} ms; try again in a moment, or raise "
            f"{HEADER}, to at "
            f"most {LONGEST_MS}"
        )
        values = {"limit_ms": round(self._timeout_s * 1000)}
        refusal = Refusal(504, "deadline_exceeded", "Too late", detail, values)
        await reply_to_refusal(refusal)(self._scope, receive, send)

    def _receiving(self, receive: Receive) -> Receive:
        async def receive_body() -> Message:
            message = await receive()
            if self._renew:
                self._renew = message.get("more_body", False)
                self._set_clock()
            return message

        return receive_body

    def _sending(self, send: Send) -> Send:
        async def send_reply(message: Message) -> None:
            if self._answering is not None:
                return
            self._started = True
            self._stop_clock()
            await send(message)

        return send_reply


def _parse(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        return None
    timeout_ms = int(text)
    return timeout_ms if 1 <= timeout_ms <= LONGEST_MS else None
