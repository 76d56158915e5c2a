"""Local storage's own door: bytes come straight here, with a signed URL and no other credentials."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lookalike.service.api.uploads import UploadId
from lookalike.service.context import service_of

router = APIRouter()

Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


@router.put(
    "/v1/storage/{name}/{upload_id}",
    tags=["uploads"],
    summary="The bytes of an upload",
    response_model=None,
    responses={200: {"description": "They are there."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put(request: Request, name: Name, upload_id: UploadId) -> Response:
    """Exactly as announced: length, type, SHA-256 and time are signed, and the bytes are hashed while they come."""
    uploads = service_of(request).collections.local_uploads(name)
    query, headers = dict(request.query_params), dict(request.headers)
    receiver = await run_in_threadpool(uploads.receive, upload_id, query=query, headers=headers)
    try:
        async for chunk in request.stream():
            await run_in_threadpool(receiver.write, chunk)
        await run_in_threadpool(receiver.finish)
    except BaseException:
        await run_in_threadpool(receiver.abort)
        raise
    return Response(status_code=200)
