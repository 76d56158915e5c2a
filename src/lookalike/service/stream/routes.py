"""The WebSockets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, WebSocket

from lookalike.core.errors import BadInput
from lookalike.service.access.principal import Principal
from lookalike.service.api.jobs import job_json as job_as_json
from lookalike.service.context import service_of
from lookalike.service.stream.admission import Places, admit
from lookalike.service.stream.broadcast import Broadcast
from lookalike.service.stream.connection import Bounds, Connection
from lookalike.service.stream.events import JobJson, follow_events
from lookalike.service.stream.searching import HitJson, SearchStream

MOST_STREAMS = 64
MOST_LISTENERS = 256


def stream_router(
    *,
    hit_json: HitJson,
    job_json: JobJson = job_as_json,
    most_streams: int = MOST_STREAMS,
    most_listeners: int = MOST_LISTENERS,
    bounds: Bounds | None = None,
) -> APIRouter:
    """The routes of the WebSockets, for one application.

    Args:
        hit_json: makes a hit what goes over the wire.
        job_json: makes a job what goes over the wire.
        most_streams: streams at once in this process.
        most_listeners: likewise, who listen to events.
        bounds: on each of them.
    """
    router = APIRouter()
    streams, listeners = Places(most_streams), Places(most_listeners)
    kept_to = bounds or Bounds()
    broadcasts: list[Broadcast] = []  # one, once the parts are known

    @router.websocket("/v1/collections/{collection}/stream")
    async def stream(websocket: WebSocket, collection: str) -> None:
        async def serve(connection: Connection, principal: Principal) -> None:
            service = service_of(websocket)
            await SearchStream(connection, service, principal, name=collection, hit_json=hit_json).run()

        await admit(websocket, serve, places=streams, bounds=kept_to, collection=collection)

    @router.websocket("/v1/events")
    async def events(websocket: WebSocket, after: Annotated[str | None, Query()] = None) -> None:
        async def serve(connection: Connection, principal: Principal) -> None:
            service = service_of(websocket)
            if not broadcasts:
                broadcasts.append(Broadcast(service.ledger.jobs.last_event))
            await follow_events(
                connection,
                service,
                principal,
                broadcast=broadcasts[0],
                job_json=job_json,
                after=_after(after),
            )

        await admit(websocket, serve, places=listeners, bounds=kept_to)

    return router


def _after(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadInput(
            f"expected `after` to be the number of an event, got {text[:40]!r}"
            "; leave it out to hear of what comes from now on"
        )
    return int(text)
