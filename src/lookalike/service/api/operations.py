"""For those who run the service: is it alive, can it work, what has it done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api.answers import answer
from lookalike.service.api.schemas import Liveness, Readiness
from lookalike.service.context import service_of
from lookalike.service.health import OK
from lookalike.service.parameters import check_parameters
from lookalike.service.readiness import kinds
from lookalike.service.threads import WAITING

router = APIRouter(tags=["operations"])

Admin = Annotated[Principal, needs(Scope.ADMIN, everywhere=True)]


@router.get("/livez", summary="Is it alive", response_model=None, responses={200: {"model": Liveness}})
async def livez(request: Request) -> Response:
    """200 as long as the process answers at all."""
    check_parameters(request)
    return answer({"status": "ok"})


@router.get("/readyz", summary="Can it work", response_model=None, responses={200: {"model": Readiness}})
async def readyz(request: Request) -> Response:
    """503 where a part is down or saturated, or the service is stopping; names the part.

    With the status `degraded` it is 200: `fetches`, where pictures are fetched from elsewhere, and `credentials`, where
    credentials are looked at, may be saturated, for strangers can bring that about; and `broker` may be down, for
    workers then look by themselves.
    """
    check_parameters(request)
    report = await service_of(request).health.ready()
    status = "unready" if not report.ok else "ok" if set(report.parts.values()) <= {OK} else "degraded"
    return answer({"status": status, "parts": report.parts}, status=200 if report.ok else 503)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    dependencies=[needs(Scope.ADMIN, everywhere=True)],
    response_model=None,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text format 0.0.4."}},
)
async def metrics(request: Request) -> Response:
    """By stage, route and part."""
    service = service_of(request)
    facts = await service.books.run(service.ledger.jobs.facts)
    service.metrics.queue_depth(facts.queued, facts.running)
    service.metrics.saturation("embedding", service.embedding.waiting / service.settings.embed_waiting)
    service.metrics.saturation("searches", service.searches.waiting / WAITING)
    service.metrics.saturation("spooled", service.spooled.size_bytes / service.spooled.most_bytes)
    for name, threads in kinds(service).items():
        service.metrics.saturation(name, threads.waiting / threads.most_waiting)
    service.metrics.not_saved(service.collections.not_saved_for_s())
    figures = await service.books.run(service.metrics.render)
    return Response(figures, media_type="text/plain; version=0.0.4; charset=utf-8")
