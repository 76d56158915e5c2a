"""Pictures and hits on the wire."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lookalike.core.records import Json
from lookalike.core.wording import remarks_of
from lookalike.parts.reply import Hit
from lookalike.search.stored_pictures import StoredPicture
from lookalike.service.access.principal import Principal, Scope
from lookalike.view.facts import IndexFacts

SOON = 100
SOON_WITH_METADATA = 20


def is_soon_told(hits: Sequence[Hit]) -> bool:
    """Whether hits become JSON within a few milliseconds, so that the event loop may do it. Metadata may be long."""
    return len(hits) <= (SOON_WITH_METADATA if any(hit.metadata for hit in hits) else SOON)


def hit_json(hit: Hit, *, collection: str, principal: Principal, model: str = "") -> dict[str, Json]:
    """A hit as the API says it.

    Args:
        hit: from a reply.
        collection: name of the collection.
        principal: who asks; where files lie is told to `admin` alone.
        model: id of the model whose vectors were compared.
    """
    return {
        "id": hit.id,
        "rank": hit.rank,
        "similarity": hit.similarity,
        "confidence": hit.confidence,
        **_place(hit.id, hit.path, hit.metadata, collection=collection, principal=principal),
        "width": hit.width,
        "height": hit.height,
        "format": hit.format,
        "size_bytes": hit.size_bytes,
        "taken_at": hit.taken_at,
        "camera": hit.camera,
        "metadata": hit.metadata,
        "copies": hit.copies,
        "group": list(hit.group),
        "rerank_similarity": hit.rerank_similarity,
        "reason": hit.reason,
        "reasons": remarks_json(hit.reason),
        "provisional": hit.provisional,
        "model": model,
    }


def picture_json(stored: StoredPicture, *, collection: str, principal: Principal) -> dict[str, Json]:
    """A picture as the API says it; arguments as of `hit_json`."""
    image = stored.image
    path = stored.files[0].path if stored.files else None
    return {
        "id": image.id,
        **_place(image.id, path, image.metadata, collection=collection, principal=principal),
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "size_bytes": image.size_bytes,
        "taken_at": image.taken_at,
        "camera": image.camera,
        "metadata": image.metadata,
        "copies": max(0, len(stored.files) - 1),
        "provisional": image.provisional,
    }


def remarks_json(text: str) -> list[Json]:
    """What a text is made of, for those who say it in another language."""
    return [{"code": one.code, "values": dict(one.values)} for one in remarks_of(text)]


def index_json(index: IndexFacts) -> dict[str, Json]:
    """What answered, as the API says it."""
    return {
        "engine": index.engine,
        "count": index.count,
        "dimension": index.dimension,
        "recall": index.recall,
        "cursor": index.cursor,
    }


def _place(
    image_id: str, path: str | None, metadata: dict[str, Any], *, collection: str, principal: Principal
) -> dict[str, Json]:
    """Names and addresses. Bytes that are no text in a path become question marks: JSON cannot hold them."""
    given = metadata.get("name")
    name = os.path.basename(path) if path else given if isinstance(given, str) else ""
    base = f"/v1/collections/{collection}/images/{image_id}"
    return {
        "name": name.encode("utf-8", "replace").decode(),
        "path": path.encode("utf-8", "replace").decode() if path and principal.may(Scope.ADMIN) else None,
        "url": base,
        "thumbnail_url": f"{base}/thumbnail",
    }
