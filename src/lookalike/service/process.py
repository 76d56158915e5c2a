"""One process that answers: uvicorn around the application, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from lookalike.core.errors import BadInput, Interrupted, LookalikeError
from lookalike.service.accepting import Acceptor
from lookalike.service.edge import Edge
from lookalike.service.http_protocol import bound_http
from lookalike.service.websocket_protocol import bound_websocket
from lookalike.settings.service import ServiceSettings

KEEP_ALIVE_S = 75
"""Longer than balancers keep a connection, 60 s mostly, so that they are the ones who end it."""

Factory = Callable[[ServiceSettings], Edge]
Started = Callable[[], None]

_log = logging.getLogger(__name__)


COLLECT_AFTER = 50_000, 20, 50
"""Objects more than before, and times that the younger were looked through before the older are."""

CLOSING_S = 1.0
"""Beyond the time to drain, for closing what is open; then the process ends, whatever runs."""

SWITCH_S = 0.0005
"""How soon a thread that computes in Python lets another go on, in seconds. With the usual 5 ms the event loop waits as
long behind each call that lets go of the interpreter's lock, while a search is under way."""


def run_process(
    settings: ServiceSettings,
    listener: socket.socket,
    *,
    factory: Factory,
    started: Started,
    is_one_of_many: bool = False,
) -> int:
    """Answer until a signal says to stop.

    Args:
        settings: of the service.
        listener: a socket that listens; it is closed.
        factory: makes the application.
        started: called once requests are answered.
        is_one_of_many: whether a supervisor sees to second signals and to Ctrl-C, so that only the first SIGTERM counts
            here; a service manager sends its signals to both.
    Returns:
        0: all was brought to an end.
    Raises:
        LookalikeError: when the application cannot be made or does not start.
    """
    sys.setswitchinterval(SWITCH_S)
    logging.captureWarnings(capture=True)
    app = _Starting(factory(settings))
    server = _Server(_config(app, settings), app=app.inner, settings=settings, started=started)
    server.is_one_of_many = is_one_of_many
    try:
        server.run(sockets=[listener])
    except SystemExit as error:  # which is how uvicorn tells that the application did not start
        if isinstance(app.error, LookalikeError):
            raise app.error from error
        raise LookalikeError(
            f"expected the service to start, but {app.error!r} came; run it again with --debug to see where"
        ) from app.error
    return 0


def _config(app: _Starting, settings: ServiceSettings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=bound_http(
            head_timeout_s=settings.body_timeout_s,
            unread_timeout_s=settings.body_timeout_s,
            most_connections=settings.max_connections,
        ),
        ws=bound_websocket(unread_timeout_s=settings.body_timeout_s),
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,  # pictures are compressed already
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise BadInput(
            f"the certificate and key cannot be used: {error}; make them again, as PEM files that belong together"
        ) from error
    return config


class _Starting:
    """Notes why an application did not start, for uvicorn only logs it."""

    def __init__(self, inner: Edge) -> None:
        self.inner = inner
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.inner(scope, receive, send)
            return

        async def send_briefly(message: Message) -> None:
            await send({**message, "message": ""} if message["type"] == "lifespan.startup.failed" else message)

        try:
            await self.inner(scope, receive, send_briefly)
        except Exception as error:
            self.error = error
            raise


def _spare_pauses() -> None:
    """Have the garbage collector leave alone what is there for good, and look through the rest less often.

    Else it goes through some hundred thousand objects of libraries every few seconds, and everybody waits for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _end_now() -> None:
    _log.warning("the time to stop is over: what still runs is ended")
    logging.shutdown()
    os._exit(0)


class _Server(uvicorn.Server):
    """Drains at the first signal, ends at once at the second.

    After SIGTERM requests are still taken in for `drain_notice_s`, but the service says that it is not ready. Then
    nothing new is accepted, WebSockets are closed with 1012, and requests under way have `drain_s` to end. What still
    runs then, in whatever thread, is not waited for: what was acknowledged is durable.
    """

    def __init__(self, config: uvicorn.Config, *, app: Edge, settings: ServiceSettings, started: Started) -> None:
        super().__init__(config)
        self._health = app.health
        self._notice_s = settings.drain_notice_s
        self._drain_s = settings.drain_s
        self._tell_started = started
        self._stop_at: float | None = None
        self.is_one_of_many = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([] if self.is_one_of_many else sockets)
        if not self.started:
            return
        _spare_pauses()
        if self.is_one_of_many:
            self.servers += [self._acceptor(listener) for listener in sockets or []]  # type: ignore[misc]
        self._tell_started()

    def _acceptor(self, listener: socket.socket) -> Acceptor:
        """See there why not uvicorn's own way."""

        def protocol() -> asyncio.Protocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )

        connections = self.server_state.connections
        return Acceptor(listener, protocol, tls=self.config.ssl, is_open=lambda: len(connections))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.is_one_of_many and (sig == signal.SIGINT or self._stop_at is not None):
            return
        if self._stop_at is not None:
            os._exit(Interrupted.exit_code)  # what was acknowledged is durable
        self._health.drain()
        notice_s = self._notice_s if sig == signal.SIGTERM else 0.0
        alarm = threading.Timer(notice_s + self._drain_s + CLOSING_S, _end_now)
        alarm.daemon = True
        alarm.start()
        self._stop_at = time.monotonic() + (self._notice_s if sig == signal.SIGTERM else 0.0)

    async def on_tick(self, counter: int) -> bool:
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            _log.info("stopping")
            self.should_exit = True
        return await super().on_tick(counter)
