"""`POST /v1/collections/{collection}/search`."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import BadQuery, FetchRefused
from lookalike.core.filters import Filter
from lookalike.core.vectors import Vectors
from lookalike.images.crop import Crop
from lookalike.parts.reply import Reply
from lookalike.results import SearchResult
from lookalike.service.access.dependencies import needs
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.api import schemas
from lookalike.service.api.answers import answer, answer_aside
from lookalike.service.api.bodies import media_type, parse_text_aside, read_only_json, read_vector
from lookalike.service.api.describing import FILE, form_body
from lookalike.service.api.filters import filter_of
from lookalike.service.api.forms import form_of
from lookalike.service.api.hits import hit_json, index_json, is_soon_told, remarks_json
from lookalike.service.api.request_bodies import SearchBody
from lookalike.service.context import Service, deadline_of, service_of, with_collection
from lookalike.service.problems import InvalidBody
from lookalike.service.search_batching import Way

router = APIRouter()

Reader = Annotated[Principal, needs(Scope.READ)]


@dataclass(frozen=True, slots=True)
class _Start:
    """What a search starts from: a vector, or the bytes of a picture that has to be looked at whole.

    `query_id` is that of the picture, where the collection holds it.
    """

    vector: Vectors | None = None
    data: bytes | None = None
    timings: tuple[tuple[str, float], ...] = ()
    query_id: str | None = None


@router.post(
    "/v1/collections/{collection}/search",
    tags=["search"],
    summary="Find pictures that look alike",
    response_model=None,
    responses={200: {"model": schemas.SearchReply}},
    openapi_extra=form_body(
        {"image": FILE, "query": {"type": "string", "description": "The other fields, as JSON"}},
        required=["image"],
        also=SearchBody,
    ),
)
async def search(request: Request, collection: str, principal: Reader) -> Response:
    """Search by picture, vector, id or URL. The reply says how it was found and whether it is exact."""
    service = service_of(request)
    began = time.perf_counter()
    asked, image = await _read_request(request, service)
    _check_one_start(asked, image)
    deadline = deadline_of(request)
    where = await _where(asked, principal, service, deadline)

    async def find_in(opened: Collection) -> tuple[_Start, SearchResult]:
        start = await _start(asked, image, opened, service, deadline)
        return start, await _result(asked, where, start, opened, service, deadline)

    start, result = await with_collection(service, collection, find_in, deadline=deadline)
    for name, milliseconds in (*start.timings, *result.timings_ms.items()):
        service.metrics.stage(name, milliseconds / 1000)
    _count_tier(asked, result.reply, service)
    timings = {**result.timings_ms, **dict(start.timings), "total": (time.perf_counter() - began) * 1000}
    reply = partial(
        _reply, result.reply, asked, start.query_id, timings=timings, collection=collection, principal=principal
    )
    if is_soon_told(result.hits):
        return answer(reply())
    return await answer_aside(reply, service.threads, deadline=deadline)


async def _where(asked: SearchBody, principal: Principal, service: Service, deadline: float | None) -> Filter:
    if asked.filter is None:
        return Filter.everything()
    return await service.threads.run(lambda: filter_of(asked.filter, principal), deadline=deadline)


def _count_tier(asked: SearchBody, reply: Reply, service: Service) -> None:
    """How often the finer model was spared: a client's vector whose answer was sure, against one that asked again."""
    if service.settings.reranker and asked.rerank == service.settings.reranker:
        service.metrics.count_rerank("asked")
    elif service.settings.reranker and asked.vector is not None and reply.sure:
        service.metrics.count_rerank("kept")


async def _read_request(request: Request, service: Service) -> tuple[SearchBody, bytes | None]:
    if media_type(request) != "multipart/form-data":
        return await read_only_json(request, SearchBody), None
    most = service.settings.upload_max_bytes
    async with form_of(request, fields=frozenset({"query"}), max_image_bytes=most) as form:
        if len(form.pictures) != 1:
            raise InvalidBody(
                [
                    {
                        "where": "image",
                        "detail": f"expected one picture, got {len(form.pictures)}; send one request for each",
                    }
                ]
            )
        asked = await parse_text_aside(form.fields.get("query") or "{}", SearchBody, service.parsing)
        return asked, await form.pictures[0].data(service.threads)


def _check_one_start(asked: SearchBody, image: bytes | None) -> None:
    named = {"image": image, "vector": asked.vector, "id": asked.id, "image_url": asked.image_url}
    starts = [name for name, value in named.items() if value is not None]
    if len(starts) > 1 or not (starts or asked.more):
        came = " and ".join(starts) if starts else "none of them"
        advice = "leave the others away" if starts else "add the one that you have"
        detail = f"expected exactly one of image, vector, id, image_url (or only `more`), got {came}; {advice}"
        raise InvalidBody([{"where": "body", "detail": detail}])
    if asked.rerank is not None and starts not in (["image"], ["id"], ["image_url"]):
        raise BadQuery(
            "reranking looks at pixels: it needs image, id or image_url, got something else; send one of "
            "them, or leave `rerank` away",
            code="needs_picture",
            values={"asked": "rerank"},
        )
    if asked.mixture is not None and starts not in (["image"], ["id"], ["image_url"]):
        raise BadQuery(
            "a search by several models looks at pixels: it needs image, id or image_url, got something "
            "else; send one of them, or leave `weigh` away",
            code="needs_picture",
            values={"asked": "mixture"},
        )
    if (asked.rerank or asked.mixture) and (asked.more or asked.less):
        raise BadQuery(
            "`more` and `less` mix vectors, which reranking and several models cannot see"
            "; leave `rerank` and `weigh` away"
        )
    if asked.crop is not None and starts not in (["image"], ["id"], ["image_url"]):
        raise BadQuery(
            "a crop needs a picture: image, id or image_url, got something else; send one of them, or leave "
            "`crop` away",
            code="needs_picture",
            values={"asked": "crop"},
        )


async def _start(
    asked: SearchBody, image: bytes | None, opened: Collection, service: Service, deadline: float | None
) -> _Start:
    looks_at_pixels = asked.rerank is not None or asked.mixture is not None
    if asked.vector is not None:
        vector = read_vector(
            asked.vector,
            model=asked.model,
            expected_model=opened.models.embedder.card.id,
            dimension=opened.models.embedder.card.dimension,
        )
        service.metrics.count_embedding("client")
        return _Start(vector)
    if asked.image_url is not None:
        image = await _fetch(asked.image_url, service, deadline)
    if asked.id is not None and (looks_at_pixels or asked.crop is not None):
        image = await service.threads.run(lambda: opened.pictures.read(str(asked.id)), deadline=deadline)
    if image is None:
        return _Start(query_id=asked.id)
    query_id = asked.id or await service.threads.run(lambda: _find_known_id(image, opened), deadline=deadline)
    if looks_at_pixels:
        return _Start(data=image, query_id=query_id)
    embedded = await service.embedding.embed(image, opened.models.embedder, crop=_crop(asked), deadline=deadline)
    service.metrics.count_embedding("server")
    timings = (("decode", embedded.decode_ms), ("wait", embedded.wait_ms), ("embed", embedded.embed_ms))
    return _Start(embedded.vector, timings=timings, query_id=query_id)


def _find_known_id(image: bytes, opened: Collection) -> str | None:
    image_id = hashlib.sha256(image).hexdigest()
    return image_id if image_id in opened else None


async def _fetch(url: str, service: Service, deadline: float | None) -> bytes:
    from lookalike.storage.fetch import fetch

    most, private = service.settings.upload_max_bytes, service.settings.allow_private_fetch
    try:
        return await service.fetches.run(lambda: fetch(url, max_bytes=most, allow_private=private), deadline=deadline)
    except FetchRefused as error:
        if error.told_at is not None:
            await asyncio.sleep(error.told_at - time.monotonic())
        raise


def _crop(asked: SearchBody) -> Crop | None:
    if asked.crop is None:
        return None
    x, y, width, height = asked.crop
    return Crop(x, y, width, height, relative=True)


async def _result(
    asked: SearchBody, where: Filter, start: _Start, opened: Collection, service: Service, deadline: float | None
) -> SearchResult:
    """A plain search by vector goes with others of its kind, everything else to a thread of its own."""
    leaves_out = asked.exclude_query and start.query_id is not None
    if start.vector is None or asked.more or asked.less or asked.collapse != "none" or leaves_out:
        return await service.threads.run(lambda: _search(asked, where, start, opened), deadline=deadline)
    way = Way(
        k=asked.k + asked.offset,
        where=where,
        recall=asked.recall,
        min_confidence=asked.min_confidence,
    )
    return await service.searches.search(hosting(opened), start.vector, way=way, deadline=deadline)


def _search(asked: SearchBody, where: Filter, start: _Start, opened: Collection) -> SearchResult:
    known = {"local", *(model.name for model in opened.models())} if asked.rerank is not None else set()
    if asked.rerank is not None and asked.rerank not in known:
        raise BadQuery(
            f"expected one of {', '.join(sorted(known))} as the reranker, got {asked.rerank!r}; leave it out for none",
            code="unknown_reranker",
            values={"got": asked.rerank, "known": sorted(known)},
        )
    query: bytes | Vectors
    if start.data is not None:
        query = start.data
    else:
        more = [*asked.more, *([asked.id] if asked.id is not None and start.vector is None else [])]
        query = hosting(opened).mix(start.vector, more=more, less=asked.less)
    found: SearchResult = opened.search(
        query,
        k=asked.k + asked.offset,
        where=where,
        crop=_crop(asked) if start.data is not None else None,
        recall=asked.recall,
        collapse=asked.collapse,
        mixture=asked.mixture,
        rerank=asked.rerank,
        min_confidence=asked.min_confidence,
        without=start.query_id if asked.exclude_query else None,
    )
    return found


def _reply(
    reply: Reply,
    asked: SearchBody,
    query_id: str | None,
    *,
    timings: dict[str, float],
    collection: str,
    principal: Principal,
) -> dict[str, Any]:
    hits = reply.hits[asked.offset :]
    if not asked.explain:
        hits = tuple(replace(hit, reason="") for hit in hits) if asked.rerank else hits
    found = {
        "hits": [hit_json(hit, collection=collection, principal=principal, model=reply.model) for hit in hits],
        "plan": reply.plan,
        "plan_steps": remarks_json(reply.plan),
        "exact": reply.exact,
        "scanned": reply.scanned,
        "total_matching": reply.total_matching,
        "timings_ms": {name: round(value, 3) for name, value in timings.items()},
        "model": reply.model,
        "cached": reply.cached,
        "sure": reply.sure,
        "nothing_like_it": reply.nothing_like_it,
        "without_date": reply.without_date,
        "index": index_json(reply.index),
        "query_id": query_id,
        "has_more": len(reply.hits) == asked.k + asked.offset < reply.total_matching,
    }
    return {**found, "explanation": _explanation(reply)} if asked.explain else found


def _explanation(reply: Reply) -> str:
    certainty = "nothing nearer can have been missed" if reply.exact else f"measured recall {reply.index.recall:.3f}"
    return (
        f"{reply.plan}: {reply.scanned} of {reply.index.count} pictures compared, "
        f"{reply.total_matching} pass the filter, {certainty}"
    )
