"""Every request has an id: in its reply, in each line of the log, and in what a person reports."""

from __future__ import annotations

import random
import re
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"

_TAKEN_OVER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Id of the request that is being answered; `''` outside of one."""
    return _current.get()


class RequestIds:
    """Takes over the id that the client gives, or makes one; sets `scope["state"]["request_id"]`, too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = _choose(Headers(scope=scope).getlist(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in _STARTS:
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        token = _current.set(request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _current.reset(token)


def _choose(given: list[str]) -> str:
    if len(given) == 1 and _TAKEN_OVER.fullmatch(given[0]):
        return given[0]
    return f"{random.getrandbits(128):032x}"  # no secret; asking the system for one lets go of the interpreter's lock
