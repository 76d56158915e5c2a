"""`POST /v1/embeddings`: vectors of pictures that are taken in nowhere."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadInput, NotFound
from lookalike.embedding.base import Embedder
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer_aside
from lookalike.service.api.describing import FILES, form_body
from lookalike.service.api.forms import Form, Picture, form_of
from lookalike.service.api.models import find_visible, open_with_model, visible
from lookalike.service.context import Service, deadline_of, service_of
from lookalike.service.problems import InvalidBody

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]


@router.post(
    "/v1/embeddings",
    tags=["models"],
    summary="Compute vectors",
    response_model=None,
    responses={200: {"model": schemas.EmbeddingResults}},
    openapi_extra=form_body(
        {"image": FILES, "model": {"type": "string", "description": "Id of a model; not needed where there is one"}},
        required=["image"],
    ),
)
async def embed(request: Request, principal: Reader) -> Response:
    """Of length 1, by one of the models of `GET /v1/models`. Each picture by itself."""
    service = service_of(request)
    most = service.settings.upload_max_bytes
    async with form_of(request, fields=frozenset({"model"}), max_image_bytes=most) as form:
        if not form.pictures:
            raise InvalidBody(
                [
                    {
                        "where": "image",
                        "detail": "expected at least one picture, got none; send it as a file in the field `image` "
                        "of a form",
                    }
                ]
            )
        embedder = await service.threads.run(lambda: _embedder(form.fields.get("model"), principal, service))
        results = await _vectors(form, embedder, service, deadline_of(request))
    service.metrics.count_embedding("server")
    reply = {"model": embedder.card.id, "dimension": embedder.card.dimension, "data": results}
    return await answer_aside(lambda: reply, service.threads, deadline=deadline_of(request))


async def _vectors(form: Form, embedder: Embedder, service: Service, deadline: float | None) -> list[dict[str, Any]]:
    """Of all pictures; no more of them wait at a time than may, so that one request alone is not turned away."""
    settings = service.settings
    places = asyncio.Semaphore(min(settings.embed_threads * settings.batch_size, settings.embed_waiting))

    async def one(picture: Picture) -> dict[str, Any]:
        async with places:
            return await _vector(picture, embedder, service, deadline)

    tasks = [asyncio.create_task(one(picture)) for picture in form.pictures]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:  # where one failed, nobody waits for the others
            task.cancel()


async def _vector(picture: Picture, embedder: Embedder, service: Service, deadline: float | None) -> dict[str, Any]:
    try:
        embedded = await service.embedding.embed(await picture.data(service.threads), embedder, deadline=deadline)
    except BadInput as error:
        return {"name": picture.name, "code": error.code, "values": dict(error.values), "detail": error.public}
    return {
        "name": picture.name,
        "vector": embedded.vector,
        "width": embedded.width,
        "height": embedded.height,
    }


def _embedder(model_id: str | None, principal: Principal, service: Service) -> Embedder:
    if model_id is None:
        mains = {one.model_id for one in visible(principal, service) if one.name == MAIN}
        if len(mains) != 1:
            known = ", ".join(sorted(mains)) or "no models"
            raise InvalidBody(
                [{"where": "model", "detail": f"expected one of {known}, got none; add the field `model`"}]
            )
        (model_id,) = mains
    one = next((one for one in find_visible(model_id, principal, service) if one.name == MAIN), None)
    if one is None:
        raise NotFound(
            f"there is no model {model_id[:80]}; `GET /v1/models` lists those that you may use",
            values={"kind": "model", "id": model_id[:80]},
        )
    return service.collections.use(one.tenant, lambda collection: open_with_model(one, collection).models.embedder)
