"""WebSockets on a connection, with bounds on what one may make the process hold.

The protocol of uvicorn takes in whatever comes: it parses all that was read at once, answers each ping however much of
that waits to be read, and keeps pieces of messages without end. Here the connections take turns, a moment each. Nothing
is parsed while the application has something to read already or the client does not read, and nothing at all before the
application has asked for a message, which it does of who was let in.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Transport
from collections import Counter
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from lookalike.service.unread import Unread

PIECE_BYTES = 2_048
"""Parsed at a time; the messages in it wait for the application."""
MOST_FRAGMENTS = 1_000
"""Of one message."""
MOST_CONTROL_BYTES = 125
"""Of a frame of somebody who was not let in: a close has no more (RFC 6455)."""
MOST_UNFINISHED_BYTES = 32_000_000
"""Of messages that the application of a process has not taken; beyond it the caller with most loses one, with 1013."""
MOST_AFTER_CLOSE_BYTES = 16_384
"""Parsed for the close of a client that was told to; then what comes is thrown away."""
MOMENT_S = 0.002
"""Of parsing, between which whatever else waits is done."""
CLOSE_S = 2.0

_TOO_BIG, _TOO_BUSY = 1009, 1013


def bound_websocket(*, unread_timeout_s: float) -> type[WebSocketsSansIOProtocol]:
    """The protocol, for a server of one process.

    Args:
        unread_timeout_s: how long what was sent may wait to be read, on top of a second per 8 kB.
    """
    shared = {"unfinished": Unfinished(), "turns": Turns()}
    return type("BoundedWebSocket", (_BoundedWebSocket,), {"unread_timeout_s": unread_timeout_s, **shared})


class Unfinished:
    """How many bytes of messages that nobody has taken the connections of a process hold, and for which callers."""

    def __init__(self) -> None:
        self._sizes_bytes: dict[_BoundedWebSocket, int] = {}
        self._size_bytes = 0

    def count(self, holder: _BoundedWebSocket, size_bytes: int) -> None:
        """Say how many a connection holds now."""
        self._size_bytes += size_bytes - self._sizes_bytes.pop(holder, 0)
        if size_bytes:
            self._sizes_bytes[holder] = size_bytes

    def too_much(self) -> _BoundedWebSocket | None:
        """Where all together hold too much, the largest connection of the caller whose connections hold the most."""
        if self._size_bytes <= MOST_UNFINISHED_BYTES:
            return None
        of_callers = Counter[str]()
        for one, size_bytes in self._sizes_bytes.items():
            of_callers[one.caller] += size_bytes
        ((greediest, _),) = of_callers.most_common(1)
        return max((one for one in self._sizes_bytes if one.caller == greediest), key=self._sizes_bytes.__getitem__)


class Turns:
    """The connections of a process that have something to parse: one in each round of the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[_BoundedWebSocket, None] = {}  # in order

    def join(self, one: _BoundedWebSocket) -> None:
        """Have it take its turn. Idempotent."""
        if not self._waiting:
            one.loop.call_soon(self._next)
        self._waiting.setdefault(one)

    def _next(self) -> None:
        one = next(iter(self._waiting))
        try:
            one.parse_for(MOMENT_S)
        except Exception:
            one.abort()
            raise  # to the event loop, which logs it
        finally:
            del self._waiting[one]
            if self._waiting:
                one.loop.call_soon(self._next)
            one.go_on()


class _BoundedWebSocket(WebSocketsSansIOProtocol):
    unread_timeout_s = 20.0
    unfinished = Unfinished()
    turns = Turns()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.close_timeout = CLOSE_S
        self._unread: Unread | None = None
        self._unparsed = bytearray()
        self._untaken_bytes = 0  # of whole messages that wait for the application
        self._after_close_bytes = 0  # that were parsed
        self._is_wanted = False  # whether the application has asked for a message
        self._is_deaf = False

    @property
    def caller(self) -> str:
        """Name of who was let in; '' for all who were not, or not yet."""
        if not self.handshake_initiated or self.response.status_code != 101:
            return ""
        return getattr(self.scope["state"].get("principal"), "name", "")

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._unread = Unread(transport, self.loop, patience_s=self.unread_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._go_deaf()
        if self._unread is not None:
            self._unread.stop()

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:  # the head, which comes in one piece, cannot be read
                self._drop(b"".join(self.conn.data_to_send()))
            self.go_on()
        elif not self._is_deaf:
            self._unparsed += data
            self.go_on()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is not None:
            self._unread.wait()
        self.go_on()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.stop()
        self.go_on()

    async def receive(self) -> Any:
        if self.handshake_complete and not self._is_wanted:
            self._is_wanted = True
            self.go_on()
        if not self.queue.empty():
            await asyncio.sleep(0)  # many small messages keep nobody else waiting
        message = await super().receive()
        self._untaken_bytes = 0
        self.go_on()
        return message

    def send_receive_event_to_app(self) -> None:
        self._untaken_bytes += sum(map(len, self.frames))
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close" and not self._is_wanted:
            self.conn.max_message_size = MOST_CONTROL_BYTES
        await super().send(message)
        self.go_on()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if self._unread is not None:
            self._unread.wait()

    def handle_ping(self) -> None:
        if self.close_sent:
            self.conn.data_to_send()  # the pong, which nobody needs any more
        else:
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= MOST_FRAGMENTS:
            self.fail(_TOO_BIG, "the message has too many fragments")
            return
        super().handle_cont(event)
        _empty(event)

    def handle_text(self, event: Frame) -> None:
        super().handle_text(event)
        _empty(event)

    def handle_bytes(self, event: Frame) -> None:
        super().handle_bytes(event)
        _empty(event)

    def handle_parser_exception(self) -> None:
        if self.close_sent:  # it was told why; what still comes is thrown away
            self._go_deaf()
        elif self.conn.close_sent is None:
            self._drop(b"".join(self.conn.data_to_send()))
        else:
            super().handle_parser_exception()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        if self._unread is not None:
            self._unread.wait()

    def parse_for(self, seconds: float) -> None:
        """Parse what can be taken, until that is over."""
        until = time.perf_counter() + seconds
        while self._parses() and time.perf_counter() < until:
            piece = bytes(self._unparsed[:PIECE_BYTES])
            del self._unparsed[:PIECE_BYTES]
            if self.close_sent:
                self._after_close_bytes += len(piece)
            super().data_received(piece)
            if self._after_close_bytes > MOST_AFTER_CLOSE_BYTES:
                self._go_deaf()

    def go_on(self) -> None:
        """Have parsed what can be taken, and read on or not."""
        if self.disconnected:
            return
        if self._parses():
            self.turns.join(self)
        pieces = (self._unparsed, self.conn.reader.buffer, *self.frames)
        self.unfinished.count(self, self._untaken_bytes + sum(map(len, pieces)))
        if (most := self.unfinished.too_much()) is not None:
            most.fail(_TOO_BUSY, "too much comes at once")
        if self.transport.is_closing():
            return
        if self._is_deaf or (self._takes() and not self._unparsed):
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def _parses(self) -> bool:
        return bool(self._unparsed) and self._takes() and not self.disconnected

    def _takes(self) -> bool:
        is_ready = self.close_sent or (self._is_wanted and self.queue.empty())
        return is_ready and not self._is_deaf and self.writable.is_set()

    def fail(self, code: int, reason: str) -> None:
        """Close it with this code, and take nothing in any more."""
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()
        self._go_deaf()

    def _drop(self, last: bytes) -> None:
        """End a connection that no application knows of."""
        self._go_deaf()
        self.transport.write(last)
        self.transport.close()
        if self._unread is not None:
            self._unread.wait()

    def abort(self) -> None:
        """End the connection at once."""
        self._go_deaf()
        self.transport.abort()

    def _go_deaf(self) -> None:
        self._is_deaf = True
        self.frames = []
        self._unparsed.clear()
        self.conn.reader.buffer.clear()
        for event in self.conn.events_received():
            if isinstance(event, Frame):
                _empty(event)
        self.unfinished.count(self, self._untaken_bytes)


def _empty(frame: Frame) -> None:
    """Let go of its messages: the parser keeps the last frame for as long as the connection lasts."""
    frame.data = b""
