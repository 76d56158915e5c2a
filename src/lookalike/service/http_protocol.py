"""HTTP on a connection, with bounds on the head of a request: how large it may be, and how long it may take to come.

A body that is still coming when its request has been answered is not waited for long either.
"""

from __future__ import annotations

import http
import uuid
from asyncio import BaseTransport, TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookalike.service.edge.problem_body import problem_response

MOST_HEAD_BYTES = 64_000
MOST_HEADERS = 256
LINGER_S = 1.0


def bounded_http(*, head_timeout_s: float) -> type[HttpToolsProtocol]:
    """The protocol, for a server.

    Args:
        head_timeout_s: within which the first line and the headers must be there, from the beginning of the connection
            or of the request; a connection between two requests is the server's own matter.
    """
    return type("BoundedHttp", (_BoundedHttp,), {"head_timeout_s": head_timeout_s})


class HeadTooLarge(Exception):
    """Raised inside the parser to stop it."""


class _BoundedHttp(HttpToolsProtocol):
    head_timeout_s = 20.0

    _head_timer: TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = True
    _is_in_body = False
    _linger_timer: TimerHandle | None = None
    _is_refused = False
    _problem = (400, "malformed", "Malformed", "expected a request of HTTP/1.1")

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._end_body()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        if not self._is_in_head:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self._is_refused:
            self._refuse_head()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES or len(self.headers) > MOST_HEADERS:
            self._refuse_head()
            raise HeadTooLarge
        super().on_headers_complete()
        self._is_in_body = True

    def on_message_complete(self) -> None:
        self._end_body()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_body and self.cycle.response_complete:  # of what still comes, nobody will ever read anything
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Tell what is wrong as a problem, where no reply has begun, and end the connection.

        Not at once: closed while bytes come in, it would be reset, and the client would not get to read the problem.
        """
        self._is_refused = True
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_written(*self._problem))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _begin_head(self) -> None:
        self._is_in_head = True
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._too_slow)

    def _end_head(self) -> None:
        self._is_in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_body(self) -> None:
        self._is_in_body = False
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _refuse_head(self) -> None:
        detail = f"expected at most {MOST_HEADERS} headers and {MOST_HEAD_BYTES} bytes of them"
        self._problem = (431, "head_too_large", "Headers too large", detail)

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self._is_refused and not self.transport.is_closing():
            detail = f"expected the headers within {self.head_timeout_s:g} s"
            self._problem = (408, "too_slow", "Too slow", detail)
            self.send_400_response("")


def _written(status: int, code: str, title: str, detail: str) -> bytes:
    request_id = uuid.uuid4().hex
    headers = {"Connection": "close", "X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
    response = problem_response(status, code=code, title=title, detail=detail, request_id=request_id, headers=headers)
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join((*lines, b"", bytes(response.body)))
