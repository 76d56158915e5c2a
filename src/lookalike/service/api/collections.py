"""The collections: tenants of the service."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from lookalike.core.errors import LookalikeError
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, page
from lookalike.service.api.filters import askable
from lookalike.service.api.hits import index_json
from lookalike.service.collections import NAME
from lookalike.service.context import Service, service_of

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
Admin = Annotated[Principal, needs(Scope.ADMIN)]
Name = Annotated[str, Path(pattern=f"^{NAME.pattern}$")]
_ONE = "/v1/collections/{collection}"


@router.get(
    "/v1/collections",
    tags=["collections"],
    summary="List collections",
    response_model=None,
    responses={200: {"model": schemas.CollectionList}},
)
async def list_collections(request: Request, principal: Reader) -> Response:
    """Those that one may see."""
    service = service_of(request)
    names = [name for name in service.collections.names() if principal.may(Scope.READ, name)]
    found = await service.threads.run(
        lambda: [facts for name in names if (facts := _facts_if_open(name, service, principal))]
    )
    return answer(page(found, next_cursor=None))


@router.get(
    _ONE,
    tags=["collections"],
    summary="Figures of a collection",
    response_model=None,
    responses={200: {"model": schemas.CollectionFacts}},
)
async def get_collection(request: Request, collection: Name, principal: Reader) -> Response:
    """How many pictures, by which model, in which index; and what a filter may ask for."""
    service = service_of(request)
    return answer(await service.threads.run(lambda: _facts(collection, service, principal)))


@router.put(
    _ONE,
    tags=["collections"],
    summary="Make a collection",
    response_model=None,
    responses={200: {"model": schemas.CollectionFacts}, 201: {"model": schemas.CollectionFacts}},
)
async def put_collection(request: Request, collection: Name, principal: Admin) -> Response:
    """Empty, with the model that comes with the install. 200 where it is there already."""
    service = service_of(request)
    made = await service.writes.run(lambda: service.collections.create(collection))
    facts = await service.threads.run(lambda: _facts(collection, service, principal))
    return answer(facts, status=201 if made else 200)


@router.delete(
    _ONE,
    tags=["collections"],
    summary="Remove a collection whole",
    status_code=204,
    dependencies=[needs(Scope.ADMIN)],
    response_model=None,
)
async def delete_collection(request: Request, collection: Name) -> Response:
    """With all that was added to it. One that was named when the service was started is not removed (409)."""
    service = service_of(request)
    await service.writes.run(lambda: service.collections.remove(collection))
    return Response(status_code=204)


def _facts_if_open(name: str, service: Service, principal: Principal) -> dict[str, Any] | None:
    try:
        return _facts(name, service, principal)
    except LookalikeError:  # damaged, or just removed: `GET` of it says which
        return None


def _facts(name: str, service: Service, principal: Principal) -> dict[str, Any]:
    info = service.collections.get(name).info()
    further = [model.name for model in info.further_models]
    return {
        "name": name,
        "images": info.images,
        "model": info.model,
        "dimension": info.dimension,
        "index": index_json(info.index),
        "further_models": further,
        "fields": askable(info.fields, principal),
        "finer": service.settings.finer if service.settings.finer in further else None,
    }
