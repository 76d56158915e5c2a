"""HTTP on a connection, with bounds on what one may make the process hold.

On the head of a request: how large it may be, and how long it may take to come. On what else is no body: the frame of a
chunked one, and fields behind it, which nobody looks at. On requests that come before earlier ones are answered. On
replies that are not read. And on connections: where there are too many, those that are between two requests go first.

A body that is still coming when its request has been answered is not waited for long either.
"""

from __future__ import annotations

import asyncio
import http
import sys
import uuid
from asyncio import BaseTransport, TimerHandle

from httptools import HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lookalike.service.edge.problem_body import problem_response
from lookalike.service.edge.refusing import Refusal
from lookalike.service.unread import Unread

MOST_HEAD_BYTES = 64_000
MOST_HEADERS = 256
MOST_AHEAD = 8
"""Requests of one connection that may come before an earlier one is answered."""
MOST_AHEAD_BYTES = 16_000
"""Of those: while no more has come, reading goes on, so that a client who leaves is noticed."""
READ_BYTES = 64_000
"""Taken from the system at a time, where the event loop lets it be said."""
LINGER_S = 1.0
RETRY_AFTER_S = 1


def bound_http(
    *, head_timeout_s: float, unread_timeout_s: float = 20.0, most_connections: int = 1_000
) -> type[HttpToolsProtocol]:
    """The protocol, for a server.

    Args:
        head_timeout_s: within which the first line and the headers must be there, from the beginning of the connection
            or of the request; a connection between two requests is the server's own matter.
        unread_timeout_s: how long what was sent may wait to be read, on top of a second per 8 kB.
        most_connections: that may be open, WebSockets among them.
    """
    bounds = {
        "head_timeout_s": head_timeout_s,
        "unread_timeout_s": unread_timeout_s,
        "most_connections": most_connections,
    }
    return type("BoundedHttp", (_BoundedHttp,), bounds)


class Stop(Exception):
    """Raised inside the parser to stop it."""


class _BoundedHttp(HttpToolsProtocol):
    head_timeout_s = 20.0
    unread_timeout_s = 20.0
    most_connections = 1_000

    _unread: Unread | None = None
    _running: RequestResponseCycle | None = None  # what is being answered; `cycle` is what came last
    _ahead_bytes = 0  # that came while something waits to be answered
    _other_bytes = 0  # of the body's message, since some of the body has come
    _body_came = False
    _head_timer: TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = True
    _is_in_body = False
    _linger_timer: TimerHandle | None = None
    _is_refused = False
    _came = b""
    _problem = Refusal(
        400,
        "malformed",
        "Malformed",
        "expected a request of HTTP/1.1, got bytes that are none; send one, and with https:// only where TLS is served",
    )

    def connection_made(self, transport: BaseTransport) -> None:
        is_full = len(self.connections) >= self.most_connections and not self._make_room()
        super().connection_made(transport)  # type: ignore[arg-type]
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        self._unread = Unread(self.transport, self.loop, patience_s=self.unread_timeout_s)
        if is_full:
            detail = (
                f"at most {self.most_connections} connections may be open, but another came; close one of your "
                "own, or try "
                "again in a moment"
            )
            self._problem = Refusal(503, "overloaded", "Busy", detail)
            self.send_400_response("")
            return
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._end_body()
        if self._unread is not None:
            self._unread.stop()
        self._let_go()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is not None:
            self._unread.wait()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.stop()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._body_came = False
        self._came = data
        if self.pipeline:
            self._ahead_bytes += len(data)
        super().data_received(data)
        self._came = b""
        if not self._is_in_head:
            self._head_bytes = 0
            self._other_bytes = 0 if self._body_came or not self._is_in_body else self._other_bytes + len(data)
            if self._other_bytes > MOST_HEAD_BYTES and not self._is_refused:
                self.send_400_response("")
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self._is_refused:
            self._refuse_head()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:  # a field behind a chunked body
            return
        if len(self.headers) >= MOST_HEADERS:
            self._refuse_head()
            raise Stop
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._end_head()
        if len(self.pipeline) >= MOST_AHEAD:
            self._give_up()
            raise Stop
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            self._refuse_head()
            raise Stop
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and not self.pipeline:  # it does not wait for an earlier one
            self._running = self.cycle
        self._is_in_body = True
        if self.pipeline and self._ahead_bytes <= MOST_AHEAD_BYTES:
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._end_body()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        waiting = list(self.pipeline)
        super().on_response_complete()
        if len(self.pipeline) < len(waiting):
            self._running = waiting[-1][0]
        if not self.pipeline:
            self._ahead_bytes = 0
        elif self._ahead_bytes > MOST_AHEAD_BYTES or self.cycle.body:
            self.flow.pause_reading()  # what was read is enough for now
        if self.transport.is_closing() and self._unread is not None:
            self._unread.wait()
        if self._is_in_body and self.cycle.response_complete:  # of what still comes, nobody will ever read anything
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Tell what is wrong as a problem, where no reply has begun, and end the connection.

        Not at once: closed while bytes come in, it would be reset, and the client would not get to read the problem.
        """
        if self.transport.is_closing():
            return
        self._is_refused = True
        if self._running is None or self._running.response_complete or not self._running.response_started:
            self.transport.write(_write(self._problem))
        self._let_go()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self._unread is not None:
            self._unread.wait()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, with what came behind the head in the same piece, which uvicorn drops."""
        if self._running is not None and not self._running.response_complete:  # its reply would lie between frames
            self._give_up()
            return
        super().handle_websocket_upgrade()
        upgrade = sys.exception()
        rest = self._came[upgrade.args[0] :] if isinstance(upgrade, HttpParserUpgrade) else b""
        protocol = self.transport.get_protocol()
        if rest and isinstance(protocol, asyncio.Protocol) and not self.transport.is_closing():
            protocol.data_received(rest)

    def _unsupported_upgrade_warning(self) -> None:
        """It is answered as if nothing else had been asked for; what comes then is no HTTP."""
        self._is_refused = True
        self.cycle.keep_alive = False

    def _give_up(self) -> None:
        """End the connection without a word: a problem would be taken for the reply to an earlier request."""
        self._is_refused = True
        self._let_go()
        self.transport.abort()

    def _let_go(self) -> None:
        """Tell what is being answered that nobody is there any more, and begin nothing of what waits."""
        self.pipeline.clear()
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _make_room(self) -> bool:
        """Close the connection that has been between two requests for longest; False where there is none."""
        idle = {
            one.timeout_keep_alive_task.when(): one
            for one in self.connections
            if isinstance(one, _BoundedHttp) and one.timeout_keep_alive_task is not None
        }
        if not idle:
            return False
        idle[min(idle)].transport.abort()
        return True

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
        detail = (
            f"expected at most {MOST_HEADERS} headers and {MOST_HEAD_BYTES} bytes of them, got more; send fewer or "
            "shorter ones"
        )
        self._problem = Refusal(431, "head_too_large", "Headers too large", detail)

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self._is_refused and not self.transport.is_closing():
            detail = f"expected the headers within {self.head_timeout_s:g} s, got only some; send them at once"
            self._problem = Refusal(408, "too_slow", "Too slow", detail)
            self.send_400_response("")


def _write(refusal: Refusal) -> bytes:
    status = refusal.status
    request_id = uuid.uuid4().hex
    headers = {"Connection": "close", "X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
    values = {}
    if status == 503:
        headers["Retry-After"], values = str(RETRY_AFTER_S), {"retry_after_s": RETRY_AFTER_S}
    response = problem_response(
        status,
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        request_id=request_id,
        headers=headers,
        values=values,
    )
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join((*lines, b"", bytes(response.body)))
