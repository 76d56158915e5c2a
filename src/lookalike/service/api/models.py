"""The models of the collections that are served, and their files, for whoever embeds on the other side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, Response

from lookalike.catalog.base import MAIN
from lookalike.collection import Collection
from lookalike.core.errors import LookalikeError, NotFound
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, page
from lookalike.service.api.describing import BYTES
from lookalike.service.context import Service, service_of

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
ModelId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get(
    "/v1/models",
    tags=["models"],
    summary="List models",
    response_model=None,
    responses={200: {"model": schemas.ModelList}},
)
async def list_models(request: Request, principal: Reader) -> Response:
    """The cards of the models of the collections that one may see."""
    service = service_of(request)
    return answer(page(await service.threads.run(lambda: _cards(principal, service)), next_cursor=None))


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
    cards = await service.threads.run(lambda: _cards(principal, service))
    for card in cards:
        if card["id"] == model_id:
            return answer(card)
    raise NotFound(f"there is no model {model_id}", values={"kind": "model", "id": model_id})


@router.get(
    "/v1/models/{model_id}/file",
    tags=["models"],
    summary="A model's ONNX file",
    response_model=None,
    responses={200: BYTES, 304: {"description": "As before."}},
)
async def get_file(request: Request, model_id: ModelId, principal: Reader) -> Response:
    """Its id is its SHA-256: it may be kept for ever, and checked."""
    service = service_of(request)
    headers = {"ETag": f'"{model_id}"', "Cache-Control": "private, max-age=31536000, immutable"}
    name, collection = await service.threads.run(lambda: _find(model_id, principal, service))
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    model = await service.threads.run(lambda: collection.model_file(name))
    if model.path is not None:
        return FileResponse(model.path, media_type="application/octet-stream", headers=headers)
    return Response(model.content, media_type="application/octet-stream", headers=headers)


class Visible(NamedTuple):
    """A model that one may see: a collection's name, the collection, and the model's name there."""

    tenant: str
    collection: Collection
    name: str


def visible(principal: Principal, service: Service) -> Iterator[Visible]:
    """The models that one may see; collections that do not open are left out."""
    for name in service.collections.names():
        if not principal.may(Scope.READ, name):
            continue
        try:
            collection = service.collections.get(name)
            names = [MAIN, *(model.name for model in collection.models())]
        except LookalikeError:
            continue
        for model in names:
            yield Visible(name, collection, model)


def _cards(principal: Principal, service: Service) -> list[dict[str, Any]]:
    cards: dict[str, dict[str, Any]] = {}
    for tenant, collection, name in visible(principal, service):
        try:
            card, file = collection.model_card(name), collection.model_file(name)
        except LookalikeError:
            continue
        size = os.path.getsize(file.path) if file.path is not None else len(file.content)
        known = cards.setdefault(
            card.id,
            {
                **asdict(card),
                "size_bytes": size,
                "url": f"/v1/models/{card.id}/file",
                "collections": [],
                "role": "main" if name == MAIN else "further",
            },
        )
        known["role"] = "main" if name == MAIN else known["role"]
        known["collections"].append(tenant)
    return list(cards.values())


def _find(model_id: str, principal: Principal, service: Service) -> tuple[str, Collection]:
    for _, collection, name in visible(principal, service):
        if collection.model_card(name).id == model_id:
            return name, collection
    raise NotFound(f"there is no model {model_id}", values={"kind": "model", "id": model_id})
