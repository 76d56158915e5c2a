"""Fetching a picture from a URL that a stranger may have chosen."""

from __future__ import annotations

import errno
import http.client
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from lookalike.core.ending import check_wanted, current_ending
from lookalike.core.errors import FetchRefused
from lookalike.storage.addresses import resolve

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_CHUNK_BYTES = 65_536
_LOOK_EVERY_S = 0.2
_LONGEST_URL = 8_192
_HEADERS = {
    "Accept": "image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "lookalike",
    "Connection": "close",
}


class _Target(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str
    shown: str


class _Reach(NamedTuple):
    private: bool
    advice: str | None


class _Answer(NamedTuple):
    body: bytes
    location: str | None


def fetch(
    url: str,
    *,
    max_bytes: int = 50_000_000,
    timeout_s: float = 20.0,
    allow_private: bool = False,
    private_advice: str | None = None,
    redirects: int = _MOST_REDIRECTS,
) -> bytes:
    """Fetch a URL, trusting neither it nor the server.

    The host is looked up once, each of its addresses must be public, and the connection goes to the address that
    was checked; so again for each redirect. Proxies of the environment are not used, cookies
    and credentials are not sent.

    Args:
        url: `http` or `https`, without user name and password.
        max_bytes: of the body.
        timeout_s: for everything together, from the look-up to the last byte, however slowly they drip; less where
            the work that needs it is to end sooner, see `lookalike.core.ending`.
        allow_private: also fetch from private and loopback addresses.
        private_advice: said behind the reason where that is refused, to whoever sits at this machine; None for a
            stranger, who is not told which names there are inside.
        redirects: that are followed.
    Returns:
        the body, not empty.
    Raises:
        FetchRefused: with the reason; the URL in it has lost its query.
    """
    when = current_ending()
    deadline = time.monotonic() + timeout_s
    if when is not None and when.deadline is not None:
        deadline = min(deadline, when.deadline)
    reach = _Reach(allow_private, private_advice)
    for _ in range(redirects + 1):
        target = _parse(url)
        with _translating(target, deadline=deadline, timeout_s=timeout_s):
            answer = _ask(target, deadline=deadline, max_bytes=max_bytes, reach=reach)
        if answer.location is None:
            return answer.body
        url = _join(url, answer.location)
    raise FetchRefused(
        f"{target.shown} redirects more than {redirects} times; give the URL where it ends", code="url_broken"
    )


def _parse(url: str) -> _Target:
    if len(url) > _LONGEST_URL or not url.isprintable():
        raise FetchRefused(
            f"expected a URL of at most {_LONGEST_URL} printable characters, got {len(url)}; "
            "download it yourself, and give the file",
            code="url_malformed",
        )
    try:
        parts = urlsplit(url)
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError as error:
        raise FetchRefused(
            "the URL cannot be understood: its host or its port is malformed"
            "; copy it again from the browser, or put special characters in percent signs",
            code="url_malformed",
        ) from error
    if parts.scheme not in _PORTS:
        raise FetchRefused(
            f"expected a URL of http or https, got {parts.scheme or 'none'}; write it out with https:// in front"
        )
    if not host or port == 0:
        raise FetchRefused(
            "the URL names no host or a port that does not exist; write it as https://host/path", code="url_malformed"
        )
    if parts.username is not None or parts.password is not None:
        raise FetchRefused(
            "a URL with a user name or a password is not fetched; download it yourself, and give the file",
            code="url_malformed",
        )
    return _Target(parts.scheme, host, port or _PORTS[parts.scheme], _path(parts), _hide_credentials(parts, host))


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchRefused(
            "a redirect leads to a URL that cannot be understood; give the URL where it ends, as a browser shows it",
            code="url_broken",
        ) from error


def _ascii(host: str) -> str:
    return host if ":" in host else host.encode("idna").decode("ascii")


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}" if parts.query else path


def _hide_credentials(parts: SplitResult, host: str) -> str:
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{quote(parts.path, safe='/%')}"[:200]


@contextmanager
def _translating(target: _Target, *, deadline: float, timeout_s: float) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline or isinstance(error, TimeoutError):
            raise FetchRefused(
                f"{target.shown} took longer than {timeout_s:g} s"
                "; try again later, or download it yourself and give the file",
                code="url_timeout",
                values={"limit_s": timeout_s},
            ) from error
        raise FetchRefused(
            f"{target.shown} cannot be fetched: {_reason(error)}; open it in a browser to see whether it is there",
            code="url_unreachable",
            values={"host": target.host},
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__


def _ask(target: _Target, *, deadline: float, max_bytes: int, reach: _Reach) -> _Answer:
    address = resolve(
        target.host,
        port=target.port,
        timeout_s=_time_left_s(deadline),
        allow_private=reach.private,
        advice=reach.advice,
    )
    with _connecting(address, target.port, deadline=deadline) as raw, _cut_off_at(deadline, raw):
        stream = _begin_tls(raw, target)
        with stream:
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = stream
            connection.request("GET", target.path, headers={"Host": _host_header(target), **_HEADERS})
            with connection.getresponse() as response:
                return _answer(response, target, deadline=deadline, max_bytes=max_bytes)


@contextmanager
def _connecting(address: str, port: int, *, deadline: float) -> Iterator[socket.socket]:
    """A connection to an IP address; while it is waited for, it is given up as soon as nobody wants it."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as raw:
        raw.setblocking(False)
        error = raw.connect_ex((address, port))
        connecting = select.poll()  # unlike `select.select`, also where a thousand files are open
        connecting.register(raw, select.POLLOUT)
        while error in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            check_wanted()
            if connecting.poll(1000 * min(_LOOK_EVERY_S, _time_left_s(deadline))):
                error = raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        raw.settimeout(_time_left_s(deadline))
        yield raw


def _host_header(target: _Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == _PORTS[target.scheme] else f"{host}:{target.port}"


def _begin_tls(raw: socket.socket, target: _Target) -> socket.socket:
    """TLS for https, with a certificate for the name although the connection goes to an address."""
    if target.scheme == "http":
        return raw
    return ssl.create_default_context().wrap_socket(raw, server_hostname=target.host)


def _time_left_s(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _cut_off_at(deadline: float, raw: socket.socket) -> Iterator[None]:
    """Shut the connection down at the deadline, for a time limit of the socket starts anew with every byte, and as soon
    as nobody wants what comes.
    """
    when, is_done = current_ending(), threading.Event()
    with raw.dup() as twin:  # `raw` itself is emptied when TLS takes over

        def watch() -> None:
            while not is_done.wait(min(_LOOK_EVERY_S, max(0.0, deadline - time.monotonic()))):
                if time.monotonic() >= deadline or (when is not None and when.is_over):
                    _shut(twin)
                    return

        watching = threading.Thread(target=watch, name="lookalike-fetch-alarm", daemon=True)
        watching.start()
        try:
            yield
        finally:
            is_done.set()
            watching.join()  # it holds the descriptor, whose number another connection may get


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed, which is what was wanted


def _answer(response: http.client.HTTPResponse, target: _Target, *, deadline: float, max_bytes: int) -> _Answer:
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        return _Answer(b"", location)
    if response.status != 200:
        raise FetchRefused(
            f"{target.shown} answered with status {response.status}, expected 200"
            "; open it in a browser to see what it wants",
            code="url_status",
            values={"status": response.status, "host": target.host},
        )
    encoding = response.getheader("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchRefused(
            f"expected {target.shown} to answer with identity, as was asked for, but it is compressed; "
            f"download it yourself, and give the file",
            code="url_broken",
        )
    return _Answer(_body(response, target, deadline=deadline, max_bytes=max_bytes), None)


def _body(response: http.client.HTTPResponse, target: _Target, *, deadline: float, max_bytes: int) -> bytes:
    announced = response.length or 0
    if announced > max_bytes:
        raise FetchRefused(
            f"{target.shown} announces {announced} bytes, at most {max_bytes} are fetched"
            "; scale the picture down, or give another URL of it",
            code="url_too_large",
            values={"limit_bytes": max_bytes},
        )
    parts: list[bytes] = []
    got = 0
    while part := response.read1(_CHUNK_BYTES):
        _time_left_s(deadline)
        got += len(part)
        if got > max_bytes:
            raise FetchRefused(
                f"{target.shown} sends more than {max_bytes} bytes; scale the picture down, or give another URL of it",
                code="url_too_large",
                values={"limit_bytes": max_bytes},
            )
        parts.append(part)
    _time_left_s(deadline)
    if not got:
        raise FetchRefused(
            f"expected a picture from {target.shown}, but it answered with an empty body; open it in a "
            "browser to see what is there",
            code="url_broken",
        )
    if got < announced:
        raise FetchRefused(
            f"expected {announced} bytes from {target.shown}, but it broke off after {got}; try again",
            code="url_broken",
        )
    return b"".join(parts)
