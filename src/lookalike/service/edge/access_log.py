"""A line of the log, and figures, for each request."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.metrics import Metrics

QUIET = ("/livez", "/readyz", "/metrics")
"""Asked every few seconds by machines; their lines are for debugging."""

UNKNOWN_ROUTE = "none"
CLIENT_LEFT = 499
"""Not of HTTP: the client went away before it was answered."""

LONGEST_PATH = 200

_log = logging.getLogger(__name__)


class AccessLog:
    """Logs each request when it is over: never its query, its headers or its body."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        seen = _Seen(receive, send)
        self.metrics.running(scope["type"], 1)
        try:
            await self.app(scope, seen.receive, seen.send)
        finally:
            self.metrics.running(scope["type"], -1)
            self._tell(scope, seen)

    def _tell(self, scope: Scope, seen: _Seen) -> None:
        seconds = time.perf_counter() - seen.began
        method, route = scope.get("method", "WEBSOCKET"), getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        if scope["type"] == "http":
            self.metrics.request(method, route, seen.status, seconds)
        fields = {
            "method": method,
            "route": route,
            "path": scope["path"][:LONGEST_PATH],
            "status": seen.status,
            "ms": round(seconds * 1000, 1),
            "bytes": seen.size_bytes,
            "principal": getattr(scope.get("state", {}).get("principal"), "name", None),
        }
        _log.log(logging.DEBUG if scope["path"] in QUIET else logging.INFO, "request", extra={"fields": fields})


class _Seen:
    """What went through."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.began = time.perf_counter()
        self.status = CLIENT_LEFT
        self.size_bytes = 0
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.status = message.get("code") or 1005
        return message

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        elif message["type"] == "websocket.close":
            self.status = message.get("code") or 1000
        self.size_bytes += len(message.get("body") or message.get("bytes") or message.get("text") or b"")
        await self._send(message)
