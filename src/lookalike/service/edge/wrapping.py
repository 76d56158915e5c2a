"""Everything that stands in front of the application, in order."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.service.edge.access_log import AccessLog
from lookalike.service.edge.body_limits import BodyLimits
from lookalike.service.edge.cors import with_cors
from lookalike.service.edge.deadlines import Deadlines
from lookalike.service.edge.leaving import Leaving
from lookalike.service.edge.pieces import Pieces
from lookalike.service.edge.request_id import RequestIds
from lookalike.service.edge.security_headers import SecurityHeaders
from lookalike.service.edge.unhandled import UnhandledErrors
from lookalike.service.health import Health
from lookalike.service.metrics import Metrics
from lookalike.settings.service import ServiceSettings


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """An application with all that stands in front of it.

    Attributes:
        wrapped: what is called.
        health: told by the server that it is about to stop.
    """

    wrapped: ASGIApp
    health: Health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        await self.wrapped(scope, receive, send)


def edge(app: ASGIApp, *, settings: ServiceSettings, metrics: Metrics, health: Health) -> Edge:
    """Wrap an application. Read from below: a request meets the last line first."""
    app = Leaving(app)
    app = Deadlines(app, default_ms=settings.request_timeout_ms)
    app = BodyLimits(
        app,
        max_body_bytes=settings.max_body_bytes,
        max_json_bytes=settings.max_json_bytes,
        timeout_s=settings.body_timeout_s,
    )
    app = UnhandledErrors(app)
    app = with_cors(app, allowed=settings.cors_origins)
    app = SecurityHeaders(app, storage=settings.objects_public_endpoint or settings.objects_endpoint)
    app = AccessLog(app, metrics=metrics)
    app = RequestIds(app)
    return Edge(Pieces(app), health)
