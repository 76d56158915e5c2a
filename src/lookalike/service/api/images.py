"""The pictures of a collection: list, look at, add, change, remove."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.core.errors import BadInput, BadQuery, NotIndexed, UploadRefused
from lookalike.core.file_names import clean_name
from lookalike.core.records import Metadata
from lookalike.search.stored_pictures import Numbered, StoredPicture
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, answer_aside, cursor_of, page, read_cursor
from lookalike.service.api.bodies import media_type, parse_field, read_json
from lookalike.service.api.describing import FILE, FILES, form_body, json_body
from lookalike.service.api.filters import filter_of
from lookalike.service.api.forms import Form, Picture, form_of
from lookalike.service.api.hits import picture_json
from lookalike.service.api.idempotency import once
from lookalike.service.api.queued import queue_picture
from lookalike.service.api.request_bodies import DeleteBody, FilterField, MetadataBody, MetadataField, check_metadata
from lookalike.service.api.spool import Spool
from lookalike.service.context import Service, collection_of, deadline_of, service_of, with_collection
from lookalike.service.problems import InvalidBody, TooLarge, UnsupportedMediaType

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]
Writer = Annotated[Principal, needs(Scope.WRITE)]
ImageId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the picture's bytes")]
_ALL = "/v1/collections/{collection}/images"
_ONE = "/v1/collections/{collection}/images/{image_id}"


@router.get(
    _ALL, tags=["images"], summary="List pictures", response_model=None, responses={200: {"model": schemas.PicturePage}}
)
async def list_images(
    request: Request,
    collection: str,
    principal: Reader,
    filter_: Annotated[str | None, Query(alias="filter", max_length=2_000, description="As JSON")] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    spread: Annotated[bool, Query(description="From all over the collection, not its first; without a cursor")] = False,
) -> Response:
    """In the order in which they came: the next ones, or, with `spread`, some from all over, always the same ones."""
    service = service_of(request)
    asked = None
    if filter_ is not None:
        asked = (await parse_field(filter_, FilterField, service.parsing, where="query.filter")).root
    where = filter_of(asked, principal)
    after = _number(read_cursor(cursor))
    if spread and cursor is not None:
        raise BadQuery(
            "`spread` gives pictures from all over at once, and needs to be without a cursor, got both: "
            "leave one of them away"
        )
    deadline = deadline_of(request)

    async def list_pictures(opened: Collection) -> Response:
        if spread:
            some = partial(opened.pictures.spread, limit, where=where)
            make = partial(_some, some, collection=collection, principal=principal)
        else:
            ask = partial(opened.pictures.list, where=where, after=after, limit=limit + 1)
            make = partial(_page, ask, limit, collection=collection, principal=principal)
        return await answer_aside(make, service.threads, deadline=deadline)

    return await with_collection(service, collection, list_pictures, deadline=deadline)


@router.post(
    _ALL,
    tags=["images"],
    summary="Add pictures",
    response_model=None,
    responses={200: {"model": schemas.ItemResults}, 202: {"model": schemas.ItemResults}},
    openapi_extra=form_body(
        {"image": FILES, "metadata": {"type": "string", "description": "JSON, for all of them"}}, required=["image"]
    ),
)
async def add_images(
    request: Request,
    collection: str,
    principal: Writer,
    mode: Annotated[str, Query(pattern="^(now|queued)$")] = "now",
) -> Response:
    """Each by itself: one that is refused does not hold the others up."""
    service = service_of(request)
    most = service.settings.upload_max_bytes
    async with form_of(request, fields=frozenset({"metadata"}), max_image_bytes=most) as form:
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
        said = form.fields.get("metadata", "{}")
        metadata = (await parse_field(said, MetadataField, service.parsing, where="metadata")).root
        await collection_of(service, collection, deadline=deadline_of(request))

        deadline = deadline_of(request)

        async def add(opened: Collection) -> Response:
            calls = [partial(_add, one, metadata, opened) for one in form.pictures]
            return answer({"data": [await service.writes.run(call, deadline=deadline) for call in calls]})

        async def act() -> Response:
            if mode == "queued":
                return await _queue(form, metadata, collection, principal, service, deadline)
            return await with_collection(service, collection, add, deadline=deadline)

        return await once(request, principal, service, digest=form.digest, act=act)


@router.post(
    _ALL + "/delete",
    tags=["images"],
    summary="Remove several pictures",
    response_model=None,
    responses={200: {"model": schemas.ItemResults}},
    openapi_extra=json_body(DeleteBody),
)
async def delete_images(request: Request, collection: str, principal: Writer) -> Response:
    """A result for each; one that is not there is no error."""
    service = service_of(request)
    body, digest = await read_json(request, DeleteBody)
    deadline = deadline_of(request)
    await collection_of(service, collection, deadline=deadline)

    async def remove(opened: Collection) -> Response:
        call = partial(_remove, body.ids, opened, forever=body.forever)
        return answer({"data": await service.writes.run(call, deadline=deadline)})

    async def act() -> Response:
        return await with_collection(service, collection, remove, deadline=deadline)

    return await once(request, principal, service, digest=digest, act=act)


@router.get(
    _ONE, tags=["images"], summary="One picture", response_model=None, responses={200: {"model": schemas.Picture}}
)
async def get_image(request: Request, collection: str, image_id: ImageId, principal: Reader) -> Response:
    """Its facts and metadata."""
    service = service_of(request)
    deadline = deadline_of(request)

    async def look_up(opened: Collection) -> StoredPicture:
        return await service.threads.run(lambda: opened.get(image_id), deadline=deadline)

    stored = await with_collection(service, collection, look_up, deadline=deadline)
    return answer(picture_json(stored, collection=collection, principal=principal))


@router.put(
    _ONE,
    tags=["images"],
    summary="Add one picture under its id",
    response_model=None,
    responses={200: {"model": schemas.Picture}, 201: {"model": schemas.Picture}},
    openapi_extra={"requestBody": {"required": True, "content": {"image/*": {"schema": FILE}}}},
)
async def put_image(request: Request, collection: str, image_id: ImageId, principal: Writer) -> Response:
    """The id must be the SHA-256 of the bytes. Idempotent."""
    service = service_of(request)
    if not media_type(request).startswith("image/"):
        raise UnsupportedMediaType(
            f"expected image/*, got {media_type(request)[:80] or 'nothing'!r}"
            "; set the Content-Type header to that of the picture"
        )
    with Spool(service.files, service.spooled) as spool:
        picture = await _receive(request, image_id, spool, max_bytes=service.settings.upload_max_bytes)

        async def add(opened: Collection) -> tuple[str, StoredPicture]:
            result = await service.writes.run(partial(_add, picture, {}, opened))
            if result["status"] == "refused":
                raise UploadRefused(result["detail"], code=result["code"], values=result["values"])
            return result["status"], await service.threads.run(
                lambda: opened.get(image_id), deadline=deadline_of(request)
            )

        how, stored = await with_collection(service, collection, add, deadline=deadline_of(request))
    status = 201 if how == "added" else 200
    return answer(picture_json(stored, collection=collection, principal=principal), status=status)


@router.patch(
    _ONE,
    tags=["images"],
    summary="Lay fields over a picture's metadata",
    response_model=None,
    responses={200: {"model": schemas.Picture}},
    openapi_extra=json_body(MetadataBody),
)
async def patch_image(request: Request, collection: str, image_id: ImageId, principal: Writer) -> Response:
    """A field given as null is deleted."""
    service = service_of(request)
    body, _ = await read_json(request, MetadataBody)

    async def relabel(opened: Collection) -> StoredPicture:
        await service.writes.run(lambda: _relabel(image_id, body.metadata, opened))
        return await service.threads.run(lambda: opened.get(image_id), deadline=deadline_of(request))

    stored = await with_collection(service, collection, relabel, deadline=deadline_of(request))
    return answer(picture_json(stored, collection=collection, principal=principal))


@router.delete(
    _ONE,
    tags=["images"],
    summary="Remove a picture",
    status_code=204,
    dependencies=[needs(Scope.WRITE)],
    response_model=None,
)
async def delete_image(
    request: Request,
    collection: str,
    image_id: ImageId,
    forever: Annotated[bool, Query(description="Keep no metadata, nor what is kept of an earlier removal")] = False,
) -> Response:
    """Files that lie elsewhere stay where they are; metadata is kept for a while and returns with the picture."""
    service = service_of(request)

    async def remove(opened: Collection) -> list[dict[str, Any]]:
        return await service.writes.run(lambda: _remove([image_id], opened, forever=forever))

    (result,) = await with_collection(service, collection, remove, deadline=deadline_of(request))
    if result["status"] == "not_found":
        raise NotIndexed(
            f"no picture in the collection has the id {image_id}; `GET .../images` lists those that are there",
            values={"id": image_id},
        )
    return Response(status_code=204)


def _some(ask: Callable[[], Numbered], *, collection: str, principal: Principal) -> dict[str, Any]:
    return page([picture_json(one, collection=collection, principal=principal) for _, one in ask()], next_cursor=None)


def _page(ask: Callable[[], Numbered], limit: int, *, collection: str, principal: Principal) -> dict[str, Any]:
    found = ask()
    data = [picture_json(one, collection=collection, principal=principal) for _, one in found[:limit]]
    more = len(found) > limit
    return page(data, next_cursor=cursor_of(str(found[limit - 1][0])) if more else None)


def _add(picture: Picture, metadata: Metadata, opened: Collection) -> dict[str, Any]:
    was_there = picture.sha256 in opened
    try:
        if was_there:
            _check_laid_over(picture.sha256, metadata, opened)
        opened.add(picture.read(), metadata=_with_name(metadata, picture, opened))
    except BadInput as error:
        return {
            "name": picture.name,
            "status": "refused",
            "code": error.code,
            "values": dict(error.values),
            "detail": error.public,
        }
    return {"name": picture.name, "status": "unchanged" if was_there else "added", "id": picture.sha256}


async def _queue(
    form: Form,
    metadata: Metadata,
    collection: str,
    principal: Principal,
    service: Service,
    deadline: float | None,
) -> Response:
    def put_in(picture: Picture, opened: Collection) -> dict[str, Any]:
        return queue_picture(
            picture, opened, metadata=metadata, collection=collection, owner=principal.name, service=service
        )

    use = service.collections.use
    calls = [partial(use, collection, partial(put_in, one)) for one in form.pictures]
    results = [await service.writes.run(call, deadline=deadline) for call in calls]
    first = next((one["job_id"] for one in results if one.get("job_id")), None)
    return answer({"data": results}, status=202, headers={"Location": f"/v1/jobs/{first}"} if first else None)


def _with_name(metadata: Metadata, picture: Picture, opened: Collection) -> Metadata:
    """The name that a new picture comes under stays with it, where nobody says or has said another."""
    name = clean_name(picture.name)
    is_known = picture.sha256 in opened or opened.pictures.is_remembered(picture.sha256)
    return metadata if is_known or not name else {"name": name, **metadata}


def _remove(ids: list[str], opened: Collection, *, forever: bool) -> list[dict[str, Any]]:
    there = [one for one in dict.fromkeys(ids) if one in opened or (forever and opened.pictures.is_remembered(one))]
    if there:
        opened.remove(*there, forever=forever)
    return [{"name": one, "id": one, "status": "removed" if one in there else "not_found"} for one in ids]


def _relabel(image_id: str, metadata: Metadata, opened: Collection) -> None:
    _check_laid_over(image_id, metadata, opened)
    opened.pictures.label(image_id, metadata)


def _check_laid_over(image_id: str, metadata: Metadata, opened: Collection) -> None:
    """However often fields are laid over, they do not grow beyond what may be said at once; deleting always helps."""
    fields = {name: value for name, value in metadata.items() if value is not None}
    if not fields:
        return
    try:
        check_metadata({**opened.get(image_id).image.metadata, **fields})
    except ValueError as error:
        raise InvalidBody(
            [
                {
                    "where": "metadata",
                    "detail": f"expected fields that fit beside those that are there: {error}; remove fields "
                    "first by setting them to null",
                }
            ]
        ) from None


async def _receive(request: Request, image_id: str, spool: Spool, *, max_bytes: int) -> Picture:
    digest = hashlib.sha256()
    async for chunk in request.stream():
        spool.expect(len(chunk))
        digest.update(chunk)
        await spool.write(chunk)
        if spool.size_bytes > max_bytes:
            raise TooLarge(
                f"expected at most {max_bytes} bytes, got more; scale the picture down, or save it as a JPEG",
                values={"limit_bytes": max_bytes},
            )
    await spool.flush()
    if digest.hexdigest() != image_id:
        raise UploadRefused(
            "expected bytes whose SHA-256 is the id in the path, got others; hash the file anew, or send it whole",
            code="hash_mismatch",
        )
    return Picture("", image_id, spool.size_bytes, spool, 0)


def _number(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidBody(
            [
                {
                    "where": "query.cursor",
                    "detail": "expected a cursor of an earlier page, got something else; leave it out for the "
                    "first one",
                }
            ]
        )
    return int(text)
