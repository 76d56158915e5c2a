"""The models of the collections that are served, and their files, for whoever embeds on the other side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from lookalike.catalog.base import MAIN
from lookalike.collection import Collection
from lookalike.core.errors import LookalikeError, NotFound
from lookalike.images.files import OpenFile
from lookalike.models.store import ModelFile
from lookalike.objects.durable import translating
from lookalike.objects.streams import BytesStream, FileStream, ObjectStream
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, cursor_of, page, read_cursor
from lookalike.service.api.describing import BYTES, PART_OF_BYTES
from lookalike.service.api.open_files import send_range
from lookalike.service.collections import AT_THE_MOMENT, CANNOT_BE_READ
from lookalike.service.context import Service, service_of
from lookalike.service.model_cards import KnownModel

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
ModelId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
MOST_LISTED = 200

T = TypeVar("T")


@router.get(
    "/v1/models",
    tags=["models"],
    summary="List models",
    response_model=None,
    responses={200: {"model": schemas.ModelList}},
)
async def list_models(
    request: Request,
    principal: Reader,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
) -> Response:
    """The cards of the models of the collections that one may see, by id. A model's file is read once."""
    service = service_of(request)
    after = read_cursor(cursor)
    return answer(await service.threads.run(lambda: _list_page(principal, service, after=after, limit=limit)))


@router.get(
    "/v1/models/{model_id}",
    tags=["models"],
    summary="One model",
    response_model=None,
    responses={200: {"model": schemas.Model}},
)
async def get_model(request: Request, model_id: ModelId, principal: Reader) -> Response:
    """Its card."""
    service = service_of(request)
    return answer(await service.threads.run(lambda: _card(find_visible(model_id, principal, service), service)))


@router.get(
    "/v1/models/{model_id}/file",
    tags=["models"],
    summary="A model's ONNX file",
    response_model=None,
    responses={200: BYTES, 206: PART_OF_BYTES, 304: {"description": "As before."}},
)
async def get_file(request: Request, model_id: ModelId, principal: Reader) -> Response:
    """Its id is its SHA-256: it may be kept for ever, and checked. With a `Range` header, one range of it."""
    service = service_of(request)
    headers = {"ETag": f'"{model_id}"', "Cache-Control": "private, max-age=31536000, immutable"}
    who = await service.threads.run(lambda: find_visible(model_id, principal, service))
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    model = await service.threads.run(lambda: _of_any(who, _file, service))

    async def open_stream(first: int, size_bytes: int | None) -> ObjectStream:
        return await service.threads.run(lambda: _open(model, first=first, size_bytes=size_bytes))

    return await send_range(
        request,
        open_stream,
        sha256=model_id,
        total_bytes=len(model.content),
        media_type="application/octet-stream",
        headers=headers,
        threads=service.files,
    )


class Visible(NamedTuple):
    """A model that one may see: its id, a collection's name, and the model's name there."""

    model_id: str
    tenant: str
    name: str


def visible(principal: Principal, service: Service) -> Iterator[Visible]:
    """The models that one may see, of the collections that can be read. Opens none of them.

    Raises:
        LookalikeError: after all others, for a collection that cannot be read: one at the moment rather than one whose
            disk fails; of one that is damaged nothing is said.
    """
    last: LookalikeError | None = None
    for tenant in service.collections.names():
        if not principal.may(Scope.READ, tenant):
            continue
        try:
            for _, seen, fault in service.collections.glances([tenant]):
                if seen is None:
                    last = last if last or isinstance(fault, CANNOT_BE_READ) else fault
                    continue
                if seen.model_id:
                    yield Visible(seen.model_id, tenant, MAIN)
                for name, model_id in seen.further_models.items():
                    yield Visible(model_id, tenant, name)
        except AT_THE_MOMENT as error:
            last = error
    if last is not None:
        raise last


def find_visible(model_id: str, principal: Principal, service: Service) -> list[Visible]:
    """All who have a model, at least one.

    Raises:
        NotFound: when nobody has.
        LookalikeError: when nobody is known to have it, and somebody cannot be read at the moment.
    """
    found: list[Visible] = []
    try:
        found.extend(one for one in visible(principal, service) if one.model_id == model_id)  # what came first stays
    except LookalikeError:
        if not found:
            raise
    if not found:
        raise _no_model(model_id)
    return found


def open_with_model(model: Visible, opened: Collection) -> Collection:
    """The collection, if it still has that model.

    Raises:
        NotFound: when another collection has taken its place, or the name was given to another model.
    """
    if opened.models.card(model.name).id != model.model_id:
        raise _no_model(model.model_id)
    return opened


def _list_page(principal: Principal, service: Service, *, after: str, limit: int) -> dict[str, Any]:
    by_id: dict[str, list[Visible]] = {}
    try:
        for one in visible(principal, service):
            by_id.setdefault(one.model_id, []).append(one)
    except AT_THE_MOMENT:
        raise
    except LookalikeError:  # where collections are listed it is told which of them cannot be read, and why
        pass
    later = (by_id[model_id] for model_id in sorted(by_id) if model_id > after)
    cards: list[dict[str, Any]] = []
    for who in later:
        if len(cards) == limit:
            return page(cards, next_cursor=cursor_of(cards[-1]["id"]))
        try:
            cards.append(_card(who, service))
        except AT_THE_MOMENT:
            raise
        except LookalikeError:  # its file is gone, say: `GET` of it says why
            continue
    return page(cards, next_cursor=None)


def _card(who: list[Visible], service: Service) -> dict[str, Any]:
    model_id = who[0].model_id
    known = service.cards.get(model_id, lambda: _of_any(who, _find_known, service))
    return {
        **asdict(known.card),
        "size_bytes": known.size_bytes,
        "url": f"/v1/models/{model_id}/file",
        "collections": [one.tenant for one in who],
        "role": "main" if any(one.name == MAIN for one in who) else "further",
    }


def _open(model: ModelFile, *, first: int, size_bytes: int | None) -> ObjectStream:
    if model.path is None:
        return BytesStream(model.content, first=first, size_bytes=size_bytes)
    with translating(model.path):
        file = OpenFile(os.open(model.path, os.O_RDONLY | os.O_CLOEXEC))
    return FileStream(file, first=first, size_bytes=size_bytes)


def _file(opened: Collection, name: str) -> ModelFile:
    return opened.models.file(name)


def _find_known(opened: Collection, name: str) -> KnownModel:
    return KnownModel(opened.models.card(name), len(opened.models.file(name).content))


def _of_any(who: list[Visible], look: Callable[[Collection, str], T], service: Service) -> T:
    """What whoever has a model whole says of it, given the collection and the model's name there.

    Raises:
        LookalikeError: of the last of them, when nobody has.
    """
    last: LookalikeError = _no_model(who[0].model_id)
    for one in who:
        try:
            return service.collections.use(one.tenant, partial(_look, look=look, model=one))
        except LookalikeError as error:
            last = error
    raise last


def _look(opened: Collection, *, look: Callable[[Collection, str], T], model: Visible) -> T:
    return look(open_with_model(model, opened), model.name)


def _no_model(model_id: str) -> NotFound:
    return NotFound(
        f"there is no model {model_id[:80]}; `GET /v1/models` lists those that you may use",
        values={"kind": "model", "id": model_id[:80]},
    )
