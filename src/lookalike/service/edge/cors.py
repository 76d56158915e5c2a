"""Pages from elsewhere: closed to them, unless their origin was named."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

ALLOWED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-Id", "X-Timeout-Ms")
TOLD_HEADERS = ("ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-Id")
REMEMBERED_S = 600


def with_cors(app: ASGIApp, *, allowed: Sequence[str]) -> ASGIApp:
    """Let pages of these origins call, without cookies; the application as it is, where there are none.

    What a page of elsewhere sends without asking first is turned away in `lookalike.service.access`.
    """
    if not allowed:
        return app
    return CORSMiddleware(
        app,
        allow_origins=allowed,
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=TOLD_HEADERS,
        max_age=REMEMBERED_S,
    )
