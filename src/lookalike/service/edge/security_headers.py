"""Headers that tell a browser what a page of ours may do, and what others may do with it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPTS = ("'self'", "'wasm-unsafe-eval'")
"""Our own files, and WebAssembly; nothing inline, no `eval`."""
STYLES = ("'self'",)

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    # The three by which a page is isolated, without which WebAssembly gets no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def content_security_policy(
    host: str | None = None,
    *,
    scripts: Sequence[str] = SCRIPTS,
    styles: Sequence[str] = STYLES,
    storage: str = "",
) -> str:
    """Write a Content-Security-Policy. A reply that carries one of its own keeps it.

    Args:
        host: name and port by which the client reached us, for the WebSockets of browsers that do not count them as
            `'self'`; None, or one that is no host, names none.
        scripts: where they may come from.
        styles: likewise.
        storage: URL of the server to which pages put pictures straight, where that is not this one.
    """
    elsewhere = f" {origin_of(storage)}" if storage else ""
    sockets = f" ws://{host} wss://{host}" if host is not None and _HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {' '.join(scripts)}",
            "worker-src 'self' blob:",
            "img-src 'self' blob: data:",
            f"connect-src 'self'{sockets}{elsewhere}",
            f"style-src {' '.join(styles)}",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        )
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def policy_of_page(html: str) -> str:
    """The policy of a page that others have written: exactly the scripts that stand in it, and styles of any kind."""
    inline = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    return content_security_policy(
        scripts=("'self'", *(f"'sha256-{each}'" for each in hashes)), styles=("'self'", "'unsafe-inline'")
    )


class SecurityHeaders:
    """Adds them to every reply; those that the application set itself stay.

    Args:
        app: the application.
        storage: as for `content_security_policy`.
    """

    def __init__(self, app: ASGIApp, *, storage: str = "") -> None:
        self.app = app
        self._storage = storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = content_security_policy(host, storage=self._storage)
                _add(MutableHeaders(scope=message), host=host, policy=policy, secure=scope.get("scheme") == "https")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _add(headers: MutableHeaders, *, host: str | None, policy: str, secure: bool) -> None:
    for name, value in FIXED.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy)
    if "json" in headers.get("content-type", ""):
        headers.setdefault("Cache-Control", "no-store")
    if secure and host is not None and not host.startswith(_LOCAL):
        headers.setdefault("Strict-Transport-Security", HSTS)
