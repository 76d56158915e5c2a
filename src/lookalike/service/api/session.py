"""Who asks, what they may, and tickets for WebSockets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike import __version__
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, time_text
from lookalike.service.api.forms import MOST_FILES
from lookalike.service.context import service_of

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
PROTOCOL = "lookalike.v1"


@router.get(
    "/v1/session",
    tags=["session"],
    summary="Who asks",
    response_model=None,
    responses={200: {"model": schemas.Session}},
)
async def session(request: Request, principal: Reader) -> Response:
    """What a client needs to know before it asks for more."""
    service = service_of(request)
    there = await service.threads.run(service.collections.names)
    names = [name for name in there if principal.may(Scope.READ, name)]
    settings = service.settings
    return answer(
        {
            "name": principal.name,
            "kind": principal.kind,
            "scopes": sorted(scope.value for scope in Scope if principal.may(scope)),
            "collections": names,
            "version": __version__,
            "upload_flow": settings.flow,
            "limits": {
                "k": 1_000,
                "images_per_request": MOST_FILES,
                "image_bytes": settings.upload_max_bytes,
                "json_bytes": settings.max_json_bytes,
                "requests_per_minute": settings.rate_per_minute,
            },
        }
    )


@router.post(
    "/v1/tickets",
    tags=["session"],
    summary="A ticket for one WebSocket",
    response_model=None,
    status_code=201,
    responses={201: {"model": schemas.Ticket}},
)
async def ticket(request: Request, principal: Reader) -> Response:
    """Good once, for 30 seconds: offered as the subprotocol `ticket.TICKET`, so that it stands in no URL."""
    service = service_of(request)
    issued = await service.books.run(lambda: service.access.issue_ticket(principal))
    return answer(
        {"ticket": issued.ticket, "protocol": PROTOCOL, "expires_at": time_text(issued.expires_at)}, status=201
    )
