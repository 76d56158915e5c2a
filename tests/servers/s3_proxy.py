"""What stands between a client and a server of S3, and lets requests meet what happens on real ways."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit


class Trouble(StrEnum):
    """What happens to a request."""

    ERROR = "500 before anything is done"
    SLOW_DOWN = "503 SlowDown before anything is done"
    NO_ROOM = "507 before anything is done, for there is no room"
    SLOW = "all is done, after a while"
    SKEWED = "403 RequestTimeTooSkewed"
    FULL = "403 QuotaExceeded"
    RESET = "the connection is reset before anything is done"
    LOST = "all is done, and the answer is lost"
    CUT = "the answer ends in the middle of its body"
    SILENT = "no answer comes, and the connection stays"
    NONE = "all goes well"


_ANSWERS = {
    Trouble.ERROR: (500, "InternalError"),
    Trouble.SLOW_DOWN: (503, "SlowDown"),
    Trouble.SKEWED: (403, "RequestTimeTooSkewed"),
    Trouble.FULL: (403, "QuotaExceeded"),
    Trouble.NO_ROOM: (507, "InsufficientStorage"),
}

_SLOW_S = 0.1


class Seen(NamedTuple):
    """A request.

    Attributes:
        method: of HTTP.
        path: with its query.
        size_bytes: of its body.
        headers: their names in small letters.
    """

    method: str
    path: str
    size_bytes: int
    headers: dict[str, str]


class Proxy:
    """See the module; made by `proxy_of`.

    Attributes:
        url: of it.
        seen: every request, in the order in which they came.
    """

    def __init__(self, server_url: str) -> None:
        self._target = urlsplit(server_url)
        self._script: deque[Trouble] = deque()
        self._all: Trouble | None = None
        self._ended = threading.Event()
        self._mutex = threading.Lock()
        self.seen: list[Seen] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError, TimeoutError):
                    super().handle_one_request()

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def fail_next(self, *troubles: Trouble) -> None:
        """Let the next requests meet these, one after the other."""
        with self._mutex:
            self._script.extend(troubles)

    def fail_all(self, trouble: Trouble | None, /) -> None:
        """Let all requests meet this from now on; None for nothing more."""
        with self._mutex:
            self._all = trouble

    def close(self) -> None:
        """End it, and whatever waits."""
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request, or let it meet its trouble."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._mutex:
            self.seen.append(Seen(request.command, request.path, len(body), headers))
            trouble = self._script.popleft() if self._script else self._all
        if trouble in _ANSWERS:
            status, code = _ANSWERS[trouble]
            self._reply(request, status, [], f"<Error><Code>{code}</Code></Error>".encode())
        elif trouble is Trouble.RESET:
            _reset(request)
        elif trouble is Trouble.SILENT:
            self._ended.wait(30)
            _reset(request)
        else:
            if trouble is Trouble.SLOW:
                self._ended.wait(_SLOW_S)
            self._forward(request, body, trouble)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, trouble: Trouble | None) -> None:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=30)
        try:
            connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
            headers = answer.getheaders()
        except (OSError, http.client.HTTPException):  # the server is not there
            _reset(request)
            return
        finally:
            connection.close()
        if trouble is Trouble.LOST:
            _reset(request)
        elif trouble is Trouble.CUT:
            self._reply(request, answer.status, headers, data, cut_to=len(data) // 2)
            _reset(request)
        else:
            self._reply(request, answer.status, headers, data)

    def _reply(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: list[tuple[str, str]],
        data: bytes,
        *,
        cut_to: int | None = None,
    ) -> None:
        request.send_response_only(status)
        passed = [(name, value) for name, value in headers if name.lower() not in ("transfer-encoding", "connection")]
        for name, value in passed:
            request.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in passed):
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:cut_to])
        request.wfile.flush()


@contextmanager
def proxy_of(server_url: str) -> Iterator[Proxy]:
    """Something before a server, for a while."""
    proxy = Proxy(server_url)
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    with suppress(OSError):
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
