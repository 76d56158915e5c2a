"""What no handler saw coming: the client learns an id, the log everything."""

from __future__ import annotations

import logging
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from lookalike.service.edge.body_limits import BodyRefused
from lookalike.service.edge.refusing import Refusal, reply_to_refusal

_log = logging.getLogger(__name__)

_FAILED = Refusal(
    500,
    "error",
    "Failed",
    "it failed by an error that was not foreseen; report the request's id to whoever runs the service, for the log has "
    "the error under it",
)
_FAILED_SOCKET = 1011
_VANISHED = (ClientDisconnect, WebSocketDisconnect, ConnectionError, BodyRefused)


class UnhandledErrors:
    """Turns an exception into a problem of status 500, or closes the WebSocket; a client that vanished is no error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            try:
                await send(message)
            except OSError as error:  # which is how a server says, by ASGI, that nobody listens any more
                raise ConnectionAbortedError(str(error)) from error

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            if has_vanished(error):
                _log.debug("the client went away")
                return
            _log.exception("a request failed in a way that should not be")
            await _tell(scope, receive, send, started=started)


def has_vanished(error: BaseException) -> bool:
    """Whether the error only says that there is nobody to be answered any more."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(has_vanished, error.exceptions))
    return isinstance(error, _VANISHED)


async def _tell(scope: Scope, receive: Receive, send: Send, *, started: bool) -> None:
    if scope["type"] == "websocket":
        with suppress(OSError, RuntimeError):  # it may be closed already
            await send({"type": "websocket.close", "code": _FAILED_SOCKET})
    elif not started:
        await reply_to_refusal(_FAILED)(scope, receive, send)
