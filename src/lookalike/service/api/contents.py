"""What a picture looks like: a small version of it, and its bytes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.images.known_formats import media_type_of
from lookalike.objects.streams import ObjectStream
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api.describing import BYTES, JPEG, PART_OF_BYTES
from lookalike.service.api.images import ImageId
from lookalike.service.api.open_files import send_range
from lookalike.service.context import deadline_of, service_of, with_collection

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
_FOREVER = "private, max-age=31536000, immutable"


@router.get(
    "/v1/collections/{collection}/images/{image_id}/thumbnail",
    tags=["images"],
    summary="A small version",
    dependencies=[needs(Scope.READ)],
    response_model=None,
    responses={200: JPEG, 304: {"description": "As before."}},
)
async def thumbnail(
    request: Request,
    collection: str,
    image_id: ImageId,
    side: Annotated[int, Query(ge=32, le=1_024, description="Longest, in pixels")] = 320,
) -> Response:
    """A JPEG. An id stands for bytes that never change, so it may be kept for ever."""
    service = service_of(request)
    deadline = deadline_of(request)
    headers = {"ETag": f'"{image_id[:32]}-{side}"', "Cache-Control": _FOREVER}

    async def show(opened: Collection) -> Response:
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            await service.threads.run(lambda: opened.get(image_id), deadline=deadline)
            return Response(status_code=304, headers=headers)
        jpeg = await service.threads.run(
            lambda: service.thumbnails.get(opened, collection, image_id, side=side), deadline=deadline
        )
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    return await with_collection(service, collection, show, deadline=deadline)


@router.get(
    "/v1/collections/{collection}/images/{image_id}/file",
    tags=["images"],
    summary="Its bytes",
    dependencies=[needs(Scope.READ)],
    response_model=None,
    responses={200: BYTES, 206: PART_OF_BYTES, 304: {"description": "As before."}},
)
async def file(request: Request, collection: str, image_id: ImageId) -> Response:
    """As they were taken in, or, with a `Range` header, one range of them.

    Never shown by a browser as anything but a picture.
    """
    service = service_of(request)
    deadline = deadline_of(request)
    headers = {
        "ETag": f'"{image_id}"',
        "Cache-Control": _FOREVER,
        "Content-Security-Policy": "sandbox",
    }

    async def open_stream(opened: Collection, first: int, size_bytes: int | None) -> ObjectStream:
        return await service.threads.run(
            lambda: opened.pictures.open(image_id, first=first, size_bytes=size_bytes), deadline=deadline
        )

    async def send(opened: Collection) -> Response:
        stored = await service.threads.run(lambda: opened.get(image_id), deadline=deadline)
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return await send_range(
            request,
            partial(open_stream, opened),
            sha256=image_id,
            total_bytes=stored.image.size_bytes,
            media_type=media_type_of(stored.image.format),
            headers=headers,
            threads=service.files,
        )

    return await with_collection(service, collection, send, deadline=deadline)
