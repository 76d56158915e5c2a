"""Local storage's own door: bytes come straight here, with a signed URL and no other credentials."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from lookalike.core.errors import Conflict
from lookalike.ledger.base import Upload, UploadState
from lookalike.objects.receiving import Receiver
from lookalike.service.api.uploads import UploadId
from lookalike.service.asker import note_asker
from lookalike.service.context import Service, service_of
from lookalike.service.parameters import check_parameters

router = APIRouter()

Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


async def parameters_of_signature(
    size: str = "",
    type_: Annotated[str, Query(alias="type")] = "",
    sha256: str = "",
    expires: str = "",
    owner: str = "",
    signature: str = "",
) -> dict[str, str]:
    """The parameters of a signed URL; whoever leaves one out has no signature that fits."""
    return {
        "size": size,
        "type": type_,
        "sha256": sha256,
        "expires": expires,
        "owner": owner,
        "signature": signature,
    }


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
async def put(
    request: Request,
    name: Name,
    upload_id: UploadId,
    query: Annotated[dict[str, str], Depends(parameters_of_signature)],
) -> Response:
    """Exactly as announced: length, type, SHA-256 and time are signed, and the bytes are hashed while they come."""
    service = service_of(request)
    headers = dict(request.headers)
    note_asker(await _check_signature(service, name, upload_id, query, headers), name)
    check_parameters(request)
    threads, begun = service.files, list[Receiver]()
    try:
        await threads.run_through(lambda: begun.append(_begin(service, name, upload_id, query, headers)))
        async for chunk in request.stream():
            await threads.run_through(partial(begun[0].write, chunk))
        await threads.run_through(begun[0].finish)
    except BaseException:
        for receiver in begun:
            await threads.let_go(receiver.abort)
        raise
    return Response(status_code=200)


async def _check_signature(
    service: Service, name: str, upload_id: str, query: dict[str, str], headers: dict[str, str]
) -> str:
    """For whom the URL was signed. Told at once where the collection is open: who shows none takes no thread then."""

    def owner() -> str:
        return service.collections.receiving(name).announced(upload_id, query=query, headers=headers).owner

    if service.collections.is_at_hand(name):
        return owner()
    return await service.files.run(owner)


def _begin(service: Service, name: str, upload_id: str, query: dict[str, str], headers: dict[str, str]) -> Receiver:
    """Begin to take bytes in; the signature is looked at first, so that nobody without one learns what is there."""
    receiver = service.collections.receiving(name).receive(upload_id, query=query, headers=headers)
    try:
        service.collections.get(name)  # removed since, it would be made again by the bytes
        upload = service.ledger.upload(upload_id)
        _check_waiting(upload)
        service.access.count_of(upload.owner)  # a request of whoever asked for the URL
    except BaseException:
        receiver.abort()
        raise
    return receiver


def _check_waiting(upload: Upload) -> None:
    if upload.state is not UploadState.WAITING:
        raise Conflict(
            "expected an upload that waits for its bytes, but it was completed or given up; begin a new one "
            "with `POST .../uploads`",
            code="upload_completed",
        )
