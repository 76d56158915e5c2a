"""What is queued, running, done and failed."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from lookalike.core.errors import NotFound
from lookalike.jobs.base import Job, JobState
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, cursor_of, page, read_cursor, time_text
from lookalike.service.api.idempotency import once
from lookalike.service.context import Service, deadline_of, service_of
from lookalike.service.problems import InvalidBody

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
Writer = Annotated[Principal, needs(Scope.WRITE)]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get(
    "/v1/jobs", tags=["jobs"], summary="List jobs", response_model=None, responses={200: {"model": schemas.JobPage}}
)
async def list_jobs(
    request: Request,
    principal: Reader,
    state: Annotated[JobState | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The newest first, of the collections that one may see."""
    service = service_of(request)
    before = read_cursor(cursor) or None
    if before is not None and not re.fullmatch("[0-9a-f]{32}", before):
        raise InvalidBody(
            [
                {
                    "where": "query.cursor",
                    "detail": "expected a cursor of an earlier page, got something else; leave it out for the "
                    "first one",
                }
            ]
        )
    found = await service.books.run(
        lambda: service.ledger.jobs.jobs(collections=principal.collections, state=state, before=before, limit=limit + 1)
    )
    next_cursor = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return answer(page([job_json(job) for job in found[:limit]], next_cursor=next_cursor))


@router.get(
    "/v1/jobs/{job_id}", tags=["jobs"], summary="One job", response_model=None, responses={200: {"model": schemas.Job}}
)
async def get_job(request: Request, job_id: JobId, principal: Reader) -> Response:
    """How it stands."""
    service = service_of(request)
    job = await service.books.run(lambda: service.ledger.jobs.get(job_id))
    if not principal.may(Scope.READ, job.collection):
        raise NotFound(
            f"there is no job {job_id}; `GET /v1/jobs` lists those that are there", values={"kind": "job", "id": job_id}
        )
    return answer(job_json(job))


@router.post(
    "/v1/jobs/{job_id}/retry",
    tags=["jobs"],
    summary="Put a failed job in again",
    response_model=None,
    responses={200: {"model": schemas.Job}},
)
async def retry_job(request: Request, job_id: JobId, principal: Writer) -> Response:
    """By who asked for it, and `admin`. One that waits or runs stays as it is; one that is done is not (409)."""
    service = service_of(request)

    async def act() -> Response:
        call = partial(_retry, job_id, principal, service)
        return answer(job_json(await service.books.run(call, deadline=deadline_of(request))))

    return await once(request, principal, service, digest=hashlib.sha256().hexdigest(), act=act)


def _retry(job_id: str, principal: Principal, service: Service) -> Job:
    job = service.ledger.jobs.get(job_id)
    theirs = job.owner != principal.name and not principal.may(Scope.ADMIN, job.collection)
    if theirs or not principal.may(Scope.WRITE, job.collection):
        raise NotFound(
            f"there is no job {job_id}; `GET /v1/jobs` lists those that are there", values={"kind": "job", "id": job_id}
        )
    return service.ledger.jobs.retry(job_id)


def job_json(job: Job) -> dict[str, Any]:
    """A job as the API says it; what the handler was given stays inside."""
    return {
        "id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "state": str(job.state),
        "attempts": job.attempts,
        "postponed": job.postponed,
        "created_at": time_text(job.created_at),
        "updated_at": time_text(job.updated_at),
        "result": job.result,
        "code": job.code or None,
        "detail": job.detail or None,
    }
