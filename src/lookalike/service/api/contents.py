"""What a picture looks like: a small version of it, and its bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api.describing import BYTES, JPEG
from lookalike.service.api.images import ImageId
from lookalike.service.api.open_files import OpenFileResponse
from lookalike.service.context import deadline_of, service_of, with_collection

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
_FOREVER = "private, max-age=31536000, immutable"
_TYPES = {"jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic"}


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

    async def shown(held: Collection) -> Response:
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            await service.threads.run(lambda: held.get(image_id), deadline=deadline)
            return Response(status_code=304, headers=headers)
        jpeg = await service.threads.run(
            lambda: service.thumbnails.get(held, collection, image_id, side=side), deadline=deadline
        )
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    return await with_collection(service, collection, shown, deadline=deadline)


@router.get(
    "/v1/collections/{collection}/images/{image_id}/file",
    tags=["images"],
    summary="Its bytes",
    dependencies=[needs(Scope.READ)],
    response_model=None,
    responses={200: BYTES, 304: {"description": "As before."}},
)
async def file(request: Request, collection: str, image_id: ImageId) -> Response:
    """As they were taken in: never shown by a browser as anything but a picture."""
    service = service_of(request)
    deadline = deadline_of(request)
    headers = {"ETag": f'"{image_id}"', "Cache-Control": _FOREVER, "Content-Security-Policy": "sandbox"}

    async def whole(held: Collection) -> Response:
        stored = await service.threads.run(lambda: held.get(image_id), deadline=deadline)
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        opened = await service.threads.run(lambda: held.open_bytes_of(image_id), deadline=deadline)
        kind = f"image/{stored.image.format}" if stored.image.format in _TYPES else "application/octet-stream"
        return OpenFileResponse(opened, sha256=image_id, media_type=kind, headers=headers, threads=service.files)

    return await with_collection(service, collection, whole, deadline=deadline)
