"""How operations are described in the OpenAPI document: problems, bodies that are read by hand, headers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from lookalike.images.known_formats import titles
from lookalike.service.api.schemas import Problem

_MEANINGS = {
    400: "The body cannot be read at all, or a parameter is malformed.",
    401: "No credentials, or none that are good.",
    403: "Good credentials, but not for this.",
    404: "Not there, or not to be seen.",
    408: "The body came too slowly.",
    409: "It clashes with what is there.",
    413: "Larger than is taken here.",
    415: "A body of another type is expected.",
    416: "A range that lies behind the end; `Content-Range` says how many bytes there are.",
    422: "It cannot be used; `code` says why.",
    429: "Too many requests of this caller.",
    500: "Our fault.",
    501: "It needs an extra that is not installed here; `detail` has the line for whoever runs the service.",
    503: "Not now; `Retry-After` says when.",
    504: "It could not be answered in time.",
    507: "The caller's uploads hold as much as they may.",
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": meaning,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, meaning in _MEANINGS.items()
}
"""What an operation may answer where it cannot do it; which of them is told in `document_statuses`."""

JPEG = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}, "description": "A JPEG."}
BYTES = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "description": "The bytes.",
}
PART_OF_BYTES = {**BYTES, "description": "The bytes of the range that `Range` asks for; `Content-Range` says which."}


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: a JSON body of this kind."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _inline(kind)}}}}


def form_body(
    fields: dict[str, dict[str, Any]], *, required: list[str], also: type[BaseModel] | None = None
) -> dict[str, Any]:
    """For `openapi_extra`: a form, or instead of it JSON of one kind."""
    form = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if also is not None:
        content["application/json"] = {"schema": _inline(also)}
    return {"requestBody": {"required": True, "content": content}}


FILE: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "description": titles(),
}
FILES: dict[str, Any] = {
    "description": "The files of pictures",
    "type": "array",
    "items": FILE,
    "minItems": 1,
    "maxItems": 100,
}


def _inline(kind: type[BaseModel]) -> dict[str, Any]:
    return kind.model_json_schema(ref_template="#/components/schemas/{model}")


__all__ = ["BYTES", "FILE", "FILES", "JPEG", "PART_OF_BYTES", "PROBLEMS", "Problem", "form_body", "json_body"]
