"""Running the service: a socket that listens, and one process or several that answer on it."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

from lookalike.core.errors import BadInput
from lookalike.service.logs import set_up_logs
from lookalike.service.process import Factory, run_process
from lookalike.service.supervisor import Supervisor
from lookalike.settings.service import ServiceSettings

BACKLOG = 2048
"""Connections that may wait to be accepted; the system may allow fewer."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def serve(
    settings: ServiceSettings,
    *,
    ready: Callable[[str], None] | None = None,
    log_level: int = logging.INFO,
    factory: Factory | None = None,
) -> int:
    """Answer until SIGTERM or Ctrl-C, which let requests under way end; a second one ends it at once.

    Only for the main thread. The log goes to standard error.

    Args:
        settings: of the service.
        ready: called with the address once requests are answered.
        log_level: the least that is logged.
        factory: makes the application; the whole service if None. With several processes it is pickled, so it must be
            a function of a module.
    Returns:
        the exit code: 0, or 130 when a second signal cut it short.
    Raises:
        BadInput: when the address cannot be listened on, or a setting cannot be used.
        LookalikeError: when the service does not start.
    """
    set_up_logs(settings.log_format, level=log_level)
    made_by = factory if factory is not None else _the_whole()
    listener = listen(settings.host, settings.port)
    address = address_of(listener, is_secure=settings.tls_certificate is not None)

    def tell() -> None:
        if ready is not None:
            ready(address)

    with listener:
        if settings.workers == 1:
            return run_process(settings, listener, factory=made_by, started=tell)
        return Supervisor(settings, listener, factory=made_by, log_level=log_level, ready=tell).run()


def listen(host: str, port: int) -> socket.socket:
    """Open a socket; port 0 is a free one.

    Raises:
        BadInput: when that is not possible; the message says what to do.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise BadInput(
            f"expected a name or an address of this machine to listen on, got {host!r}"
            "; use 127.0.0.1 for this machine alone"
        ) from error
    except OSError as error:
        raise BadInput(f"cannot listen on {host}, port {port}: {_advice(error)}") from error


def address_of(listener: socket.socket, *, is_secure: bool) -> str:
    """Where the service is found from this machine, such as `http://127.0.0.1:8080`."""
    host, port = listener.getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"{'https' if is_secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program does already; stop that, or take another port (0 for any free one)"
    if error.errno == errno.EACCES:
        return "that is not allowed; take a port from 1024 on"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address; use 127.0.0.1, or 0.0.0.0 for all it has"
    return f"{error.strerror or error}; take another port"


def _the_whole() -> Factory:
    from lookalike.service.app import make_app

    return make_app
