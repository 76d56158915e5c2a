"""The collections: tenants of the service."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from lookalike.catalog.catalogs import CatalogOverview
from lookalike.collection import Collection
from lookalike.core.errors import LookalikeError, NoCollection
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, cursor_of, page, read_cursor
from lookalike.service.api.filters import askable
from lookalike.service.api.hits import index_json
from lookalike.service.collections import NAME
from lookalike.service.context import Service, service_of
from lookalike.service.problems import describe_error, values_of
from lookalike.worker.uploads import end_gone

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
Admin = Annotated[Principal, needs(Scope.ADMIN)]
Name = Annotated[str, Path(pattern=f"^{NAME.pattern}$")]
Cursor = Annotated[str | None, Query(max_length=200)]
MOST_LISTED = 200
Limit = Query(ge=1, le=MOST_LISTED)
_ONE = "/v1/collections/{collection}"


@router.get(
    "/v1/collections",
    tags=["collections"],
    summary="List collections",
    response_model=None,
    responses={200: {"model": schemas.CollectionList}},
)
async def list_collections(
    request: Request, principal: Reader, cursor: Cursor = None, limit: Annotated[int, Limit] = MOST_LISTED
) -> Response:
    """Those that one may see, by name: what their catalogs say, and of those that cannot be read why.

    Of their indexes nothing, for these are not opened.
    """
    service = service_of(request)
    after = read_cursor(cursor)
    return answer(await service.threads.run(lambda: _list_page(principal, service, after=after, limit=limit)))


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
    made = await service.writes.run(lambda: _create(collection, service))
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
    await service.writes.run(lambda: _remove(collection, service))
    return Response(status_code=204)


def _create(name: str, service: Service) -> bool:
    """Make it where there is none; uploads of an earlier one of that name, whoever removed it, come to nothing."""
    before = time.time()
    is_new = service.collections.create(name)
    if is_new:
        end_gone(service.ledger, name, created_before=before)
    return is_new


def _remove(name: str, service: Service) -> None:
    """Remove it, and say of its uploads that nothing comes of them, also where it was removed before."""
    end = partial(end_gone, service.ledger, name, created_before=time.time())
    try:
        service.collections.remove(name)
    except NoCollection:
        end()
        raise
    end()


def _list_page(principal: Principal, service: Service, *, after: str, limit: int) -> dict[str, Any]:
    """A page, of those that can be read and those that cannot; see `Collections.glances`."""
    names = (name for name in service.collections.names() if name > after and principal.may(Scope.READ, name))
    listed = list(islice(service.collections.glances(names), limit + 1))
    shown = listed[:limit]
    there = [_describe(name, seen, service, principal) for name, seen, _ in shown if seen is not None]
    unreadable = [_unreadable(name, fault) for name, _, fault in shown if fault is not None]
    next_cursor = cursor_of(shown[-1].name) if len(listed) > limit else None
    return {**page(there, next_cursor=next_cursor), "unreadable": unreadable}


def _describe(name: str, seen: CatalogOverview, service: Service, principal: Principal) -> dict[str, Any]:
    return {
        "name": name,
        "images": seen.images,
        "model": seen.model_id,
        "dimension": seen.dimension,
        "index": None,
        "fields": askable(seen.fields, principal),
        **_further(list(seen.further_models), service),
    }


def _unreadable(name: str, fault: LookalikeError) -> dict[str, Any]:
    return {"name": name, "code": fault.code, "values": values_of(fault), "detail": describe_error(fault)}


def _facts(name: str, service: Service, principal: Principal) -> dict[str, Any]:
    info = service.collections.use(name, Collection.info)
    return {
        "name": name,
        "images": info.images,
        "model": info.model,
        "dimension": info.dimension,
        "index": index_json(info.index),
        "fields": askable(info.fields, principal),
        **_further([model.name for model in info.further_models], service),
    }


def _further(names: list[str], service: Service) -> dict[str, Any]:
    reranker = service.settings.reranker
    return {"further_models": names, "reranker": reranker if reranker in names else None}
