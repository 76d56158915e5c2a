"""The little server that the page asks: its files, the model, the pictures; and it takes the vectors."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from lookalike.core.errors import ServiceDown
from lookalike.models.card import ModelCard
from lookalike.models.store import ModelFile
from lookalike.service.edge.security_headers import FIXED, content_security_policy
from lookalike.service.parity.golden import Golden

MOST_BODY_BYTES = 256_000_000
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}
_TYPES |= {".wasm": "application/wasm", ".svg": "image/svg+xml", ".json": "application/json"}


class Exchange:
    """What is offered to the page, and what came back.

    Args:
        page: folder of the built page.
        card, model: what the browser is to run.
        pictures: to embed.
        backends: to try, by name.
    """

    def __init__(
        self, page: Path, *, card: ModelCard, model: ModelFile, pictures: Sequence[Golden], backends: Sequence[str]
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.results: list[dict[str, Any]] = []
        self.failure = ""
        self.finished = threading.Event()
        self._page = page.resolve()
        self._pictures = pictures
        self._model = model
        task = {"model": card.id, "pictures": len(pictures), "backends": list(backends)}
        self._texts = {
            f"/parity/{self.token}/task": json.dumps(task),
            f"/v1/models/{card.id}": json.dumps({**asdict(card), "size_bytes": len(model.content)}),
        }

    def content(self, path: str) -> tuple[bytes, str] | None:
        """Bytes and type of what lies at a path; None where nothing does."""
        own = f"/parity/{self.token}/pictures/"
        if path in self._texts:
            return self._texts[path].encode(), _TYPES[".json"]
        if path == f"/v1/models/{self._model.id}/file":
            return self._model.content, "application/octet-stream"
        if path.startswith(own):
            number = path.removeprefix(own)
            known = number.isdigit() and int(number) < len(self._pictures)
            return (self._pictures[int(number)].content, "application/octet-stream") if known else None
        return self._file(path)

    def take(self, path: str, body: bytes) -> bool:
        """Take in what the page sends; False for what is not meant for here."""
        match path.removeprefix(f"/parity/{self.token}/"):
            case "result":
                self.results.append(json.loads(body))
            case "failed":
                self.failure = str(json.loads(body)["error"])
                self.finished.set()
            case "done":
                self.finished.set()
            case _:
                return False
        return True

    def _file(self, path: str) -> tuple[bytes, str] | None:
        file = (self._page / path.lstrip("/")).resolve()
        if not file.is_relative_to(self._page) or not file.is_file():
            return None
        return file.read_bytes(), _TYPES.get(file.suffix, "application/octet-stream")


@contextmanager
def serving(exchange: Exchange) -> Iterator[str]:
    """Serve it on a free port of this machine while the block runs; gives the address of the page."""

    class Handler(_Handler):
        offered = exchange

    try:
        server = _Server(("127.0.0.1", 0), Handler)
    except OSError as error:
        raise ServiceDown(
            f"no port of this machine can be listened on: {error.strerror or error}"
            "; close programs that hold ports, or allow listening on 127.0.0.1"
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="parity", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/parity.html?token={exchange.token}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without asking for the name of the address, for which the library would ask a name server."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that is ended in the middle of a connection is no error; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    offered: Exchange
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = self.offered.content(self.path.partition("?")[0])
        if found is None:
            self._reply(HTTPStatus.NOT_FOUND)
        else:
            self._reply(HTTPStatus.OK, found[0], {"Content-Type": found[1]})

    def do_POST(self) -> None:
        size_bytes = int(self.headers.get("Content-Length") or 0)
        if size_bytes > MOST_BODY_BYTES:
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return
        taken = self.offered.take(self.path, self.rfile.read(size_bytes))
        self._reply(HTTPStatus.OK if taken else HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the library
        """Nothing: the page is the only one that asks."""

    def _reply(self, status: HTTPStatus, content: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            **self._isolation_headers(),
            **(headers or {}),
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _isolation_headers(self) -> dict[str, str]:
        """As the service sends them: they decide what the page may do, and whether WASM may have threads."""
        policy = content_security_policy(self.headers.get("Host"))
        return {**FIXED, "Cache-Control": "no-store", "Content-Security-Policy": policy}
