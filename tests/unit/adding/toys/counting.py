"""How many pictures a collection holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api.answers import answer
from lookalike.service.context import deadline_of, service_of, with_collection

router = APIRouter()
Reader = Annotated[Principal, needs(Scope.READ)]


class PictureCount(BaseModel):
    """How many there are."""

    pictures: int


@router.get(
    "/v1/collections/{collection}/count",
    tags=["collections"],
    summary="How many pictures",
    response_model=None,
    responses={200: {"model": PictureCount}},
)
async def count(request: Request, collection: str, principal: Reader) -> Response:
    """Those that are there, not those that were refused."""
    service, deadline = service_of(request), deadline_of(request)

    async def counted(opened: Collection) -> Response:
        return answer({"pictures": await service.threads.run(lambda: len(opened), deadline=deadline)})

    return await with_collection(service, collection, counted, deadline=deadline)
