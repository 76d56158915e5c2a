"""Direct uploads: where to put the bytes, and what becomes of them."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.core.errors import Conflict, NotFound
from lookalike.core.file_names import clean_name
from lookalike.ledger.base import LedgerTransaction, Upload, UploadState
from lookalike.objects.presigning import PresignedPut
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, time_text
from lookalike.service.api.bodies import read_json, read_vector
from lookalike.service.api.describing import json_body
from lookalike.service.api.idempotency import Keyed, key_of, once
from lookalike.service.api.quota import quota_of
from lookalike.service.api.request_bodies import CompleteBody, UploadBody
from lookalike.service.context import Service, collection_of, deadline_of, service_of
from lookalike.service.problems import TooLarge
from lookalike.worker.completing import Completed, as_told, complete

router = APIRouter()

Writer = Annotated[Principal, needs(Scope.WRITE)]
UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_ALL = "/v1/collections/{collection}/uploads"
_ONE = "/v1/collections/{collection}/uploads/{upload_id}"
_BROWSERS = (("edge", "Edg/"), ("firefox", "Firefox/"), ("chrome", "Chrome/"), ("safari", "Safari/"))


@router.post(
    _ALL,
    tags=["uploads"],
    summary="Ask where to put bytes",
    response_model=None,
    status_code=201,
    responses={201: {"model": schemas.Upload}},
    openapi_extra=json_body(UploadBody),
)
async def ask(request: Request, collection: str, principal: Writer) -> Response:
    """The bytes then go straight to storage, at the address given, with exactly the headers given."""
    service = service_of(request)
    body, digest = await read_json(request, UploadBody)
    if body.size_bytes > service.settings.upload_max_bytes:
        raise TooLarge(
            f"expected at most {service.settings.upload_max_bytes} bytes, got {body.size_bytes} announced"
            "; scale the picture down, or save it as a JPEG",
            values={"limit_bytes": service.settings.upload_max_bytes, "got_bytes": body.size_bytes},
        )
    if not service.collections.is_at_hand(collection):  # to open it takes long, and keeps others from the ledger
        await collection_of(service, collection)
    keyed = key_of(request, principal, digest=digest)
    upload = _new(body, collection, principal, service, browser=browser_of(request))
    call = partial(_note, upload, keyed, service, path=request.url.path)
    return await service.books.run(call, deadline=deadline_of(request))


@router.get(
    _ONE,
    tags=["uploads"],
    summary="How an upload stands",
    response_model=None,
    responses={200: {"model": schemas.Upload}},
)
async def look(request: Request, collection: str, upload_id: UploadId, principal: Writer) -> Response:
    """Only who asked for it, and `admin`, can see it. One that was given up says why, and how to put it in again."""
    service = service_of(request)
    upload = await _own(request, collection, upload_id, principal)
    return answer(upload_json(await service.books.run(lambda: as_told(upload, service.ledger.jobs))))


@router.delete(_ONE, tags=["uploads"], summary="Give an upload up", status_code=204, response_model=None)
async def give_up(request: Request, collection: str, upload_id: UploadId, principal: Writer) -> Response:
    """One that waits is dropped, with its bytes; one that was completed stays (409)."""
    service = service_of(request)
    upload = await _own(request, collection, upload_id, principal)
    gone = replace(upload, state=UploadState.EXPIRED, code="given_up")
    waiting = (UploadState.WAITING, UploadState.EXPIRED)
    await service.books.run(lambda: service.ledger.advance_upload(gone, only_from=waiting))
    await service.writes.run(lambda: service.collections.uploads(collection).discard(upload_id))
    return Response(status_code=204)


@router.post(
    _ONE + "/complete",
    tags=["uploads"],
    summary="Say that the bytes are there",
    response_model=None,
    responses={200: {"model": schemas.Completed}},
    openapi_extra=json_body(CompleteBody),
)
async def finish(request: Request, collection: str, upload_id: UploadId, principal: Writer) -> Response:
    """With a vector the picture can be found at once, as provisional, until a worker has embedded it from storage.

    A new picture keeps the name that the upload was announced with, where `metadata` says no `name`.
    """
    service = service_of(request)
    body, digest = await read_json(request, CompleteBody)
    keyed = key_of(request, principal, digest=digest)
    asked = _Asked(body, collection, upload_id, principal)

    async def act() -> Response:
        return await service.writes.run(lambda: _complete(asked, None, service), deadline=deadline_of(request))

    if keyed is None:
        return await act()
    try:
        return await service.writes.run(lambda: _complete(asked, keyed, service), deadline=deadline_of(request))
    except _Repeated:
        return await once(request, principal, service, digest=digest, act=act)


class _Asked(NamedTuple):
    """A completion that is asked for."""

    body: CompleteBody
    collection: str
    upload_id: str
    principal: Principal


class _Repeated(Exception):
    """An upload was completed before, so that its key may be one that was used, or be in use."""


def _note(upload: Upload, keyed: Keyed | None, service: Service, *, path: str) -> Response:
    """Note a new upload with the reply to its key, in one transaction."""
    service.collections.get(upload.collection)
    put = service.collections.uploads(upload.collection).presign(
        upload.id,
        size_bytes=upload.size_bytes,
        content_type=upload.content_type,
        sha256=upload.sha256,
        expires_at=upload.expires_at,
        owner=upload.owner,
    )
    response = answer(upload_json(upload, put=put), status=201, headers={"Location": f"{path}/{upload.id}"})
    with service.ledger.transaction() as transaction:
        if keyed is not None and (before := keyed.keep(response, transaction)) is not None:
            return before
        transaction.add_upload(upload, quota=quota_of(service))
    return response


def _complete(asked: _Asked, keyed: Keyed | None, service: Service) -> Response:
    """Complete an upload; with a key only one that waits, so that its reply is kept in a transaction of the upload's.

    Raises:
        _Repeated: when it does not wait, and there is a key.
    """
    return service.collections.use(asked.collection, lambda opened: _complete_in(opened, asked, keyed, service))


def _complete_in(opened: Collection, asked: _Asked, keyed: Keyed | None, service: Service) -> Response:
    upload = _find_own(asked.upload_id, asked.collection, asked.principal, service)
    if keyed is not None and upload.state is not UploadState.WAITING:
        raise _Repeated
    body = asked.body
    card = opened.models.embedder.card
    vector = None
    if body.vector is not None:
        vector = read_vector(body.vector, model=body.model, expected_model=card.id, dimension=card.dimension)
        service.metrics.count_embedding("client")
    keeping = None if keyed is None else _Keeping(keyed, upload.id)
    done = complete(
        upload,
        ledger=service.ledger,
        collection=opened,
        uploads=service.collections.uploads(asked.collection),
        sha256=body.sha256,
        vector=vector,
        model=body.model,
        metadata=body.metadata,
        also=keeping,
    )
    if keeping is not None and not keeping.is_kept:  # others have done the rest
        with service.ledger.transaction() as transaction:
            keeping(transaction, done)
    return _tell_completed(upload.id, done)


class _Keeping:
    """Keeps the reply to a completion, which whoever repeats it is given, too.

    Attributes:
        is_kept: whether it was to be kept.
    """

    def __init__(self, keyed: Keyed, upload_id: str) -> None:
        self._keyed = keyed
        self._upload_id = upload_id
        self.is_kept = False

    def __call__(self, transaction: LedgerTransaction, done: Completed) -> None:
        self.is_kept = True
        with suppress(Conflict):  # somebody repeats it at this moment, and keeps the same
            self._keyed.keep(_tell_completed(self._upload_id, done), transaction)


def _tell_completed(upload_id: str, done: Completed) -> Response:
    return answer({"id": upload_id, "state": str(done.state), "image_id": done.image_id, "job_id": done.job_id})


async def _own(request: Request, collection: str, upload_id: str, principal: Principal) -> Upload:
    service = service_of(request)
    await collection_of(service, collection)
    return await service.books.run(lambda: _find_own(upload_id, collection, principal, service))


def _find_own(upload_id: str, collection: str, principal: Principal, service: Service) -> Upload:
    upload = service.ledger.upload(upload_id)
    theirs = upload.owner != principal.name and not principal.may(Scope.ADMIN)
    if upload.collection != collection or theirs:
        raise NotFound(
            f"there is no upload {upload_id}; begin a new one with `POST .../uploads`",
            values={"kind": "upload", "id": upload_id},
        )
    return upload


def _new(body: UploadBody, collection: str, principal: Principal, service: Service, *, browser: str) -> Upload:
    now = time.time()
    return Upload(
        id=secrets.token_hex(16),
        collection=collection,
        owner=principal.name,
        state=UploadState.WAITING,
        size_bytes=body.size_bytes,
        content_type=body.content_type,
        sha256=body.sha256,
        name=clean_name(body.name),
        created_at=now,
        expires_at=now + service.settings.upload_expires_s,
        browser=browser,
    )


def browser_of(request: Request) -> str:
    """The family of the client's browser, for metrics."""
    agent = request.headers.get("user-agent", "")
    return next((name for name, mark in _BROWSERS if mark in agent), "other")


def upload_json(upload: Upload, *, put: PresignedPut | None = None) -> dict[str, Any]:
    """An upload as the API says it."""
    return {
        "id": upload.id,
        "collection": upload.collection,
        "state": str(upload.state),
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "content_type": upload.content_type,
        "sha256": upload.sha256,
        "created_at": time_text(upload.created_at),
        "expires_at": time_text(upload.expires_at),
        "image_id": upload.image_id,
        "job_id": upload.job_id,
        "distance": upload.distance,
        "code": upload.code or None,
        "detail": upload.detail or None,
        "put": None
        if put is None
        else {
            "method": put.method,
            "url": put.url,
            "headers": dict(put.headers),
            "expires_at": time_text(put.expires_at),
        },
    }
