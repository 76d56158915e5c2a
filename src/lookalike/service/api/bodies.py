"""Reading what comes in: JSON and forms, checked and bounded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from lookalike.core.errors import BadVectors, DimensionMismatch, WrongModel
from lookalike.core.vectors import Vectors
from lookalike.service.problems import InvalidBody, Malformed, UnsupportedMediaType, errors_of

B = TypeVar("B", bound=BaseModel)

MOST_FILES = 100
MOST_FIELDS = 20
MOST_FIELD_BYTES = 1_000_000
LENGTH_TOLERANCE = 0.01
"""How far from 1 the length of a client's vector may be."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of a form.

    Attributes:
        name: as the client said it; for people.
        data: its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read.

    Attributes:
        pictures: its parts named `image`.
        fields: its other parts.
        digest: SHA-256 of what was said, to tell a repeated request from another.
    """

    pictures: tuple[Picture, ...]
    fields: dict[str, str]
    digest: str


def media_type(request: Request) -> str:
    """What the client says that the body is, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, kind: type[B]) -> tuple[B, str]:
    """Read a JSON body.

    Returns:
        it, and the SHA-256 of its bytes.
    Raises:
        UnsupportedMediaType, Malformed, InvalidBody: when it is none, or does not fit.
    """
    return await read_only_json(request, kind), hashlib.sha256(await request.body()).hexdigest()


async def read_only_json(request: Request, kind: type[B]) -> B:
    """Read a JSON body of which nobody asks whether it came before. Raises as `read_json`."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType(f"expected application/json, got {media_type(request)[:80] or 'nothing'!r}")
    return parse(await request.body(), kind)


def parse(data: bytes | str, kind: type[B]) -> B:
    """Read JSON as one of the bodies. Raises as `read_json`."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Malformed("expected JSON in UTF-8, got something else") from None
        raise InvalidBody(errors_of(error.errors(include_url=False, include_input=False))) from None
    except ValueError:  # a lone surrogate, say
        raise Malformed("expected JSON in UTF-8, got something else") from None


def parse_object(text: str, *, where: str) -> dict[str, Any]:
    """Read a JSON object from a field or a parameter.

    Raises:
        InvalidBody: when it is none.
    """
    try:
        value = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidBody([{"where": where, "detail": "expected a JSON object"}])
    return value


def _refused(text: str) -> float:
    raise ValueError(text)


@asynccontextmanager
async def _parsed(request: Request) -> AsyncIterator[FormData]:
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(f"expected multipart/form-data, got {media_type(request)[:80] or 'nothing'!r}")
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
        max_part_size=MOST_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Malformed(f"the form cannot be read: {error.message}") from None
    except (HTTPException, ValueError, KeyError, UnicodeError) as error:
        raise Malformed(f"the form cannot be read: {type(error).__name__}") from None
    try:
        yield form
    finally:
        await form.close()


async def read_form(request: Request, *, fields: frozenset[str], max_image_bytes: int) -> Form:
    """Read a form of pictures and a few fields.

    Args:
        request: whose body it is.
        fields: that there may be beside `image`.
        max_image_bytes: of one picture.
    Raises:
        UnsupportedMediaType, Malformed, InvalidBody: when it is none, or does not fit.
    """
    digest = hashlib.sha256()
    pictures: list[Picture] = []
    texts: dict[str, str] = {}
    async with _parsed(request) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name != "image":
                    raise InvalidBody([{"where": name[:80], "detail": "expected files to be named `image`"}])
                if (value.size or 0) > max_image_bytes:
                    raise InvalidBody([{"where": "image", "detail": f"expected at most {max_image_bytes} bytes"}])
                pictures.append(Picture((value.filename or "")[:255], await value.read()))
                _digest(digest, name, pictures[-1].name, pictures[-1].data)
            else:
                if name not in fields or name in texts:
                    raise InvalidBody(
                        [{"where": name[:80], "detail": f"expected each of {sorted(fields)} once at most"}]
                    )
                texts[name] = value
                _digest(digest, name, value)
    return Form(tuple(pictures), texts, digest.hexdigest())


def _digest(digest: Any, *parts: str | bytes) -> None:
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)


def read_vector(value: list[float] | str, *, model: str | None, expected_model: str, dimension: int) -> Vectors:
    """A client's vector, checked.

    Args:
        value: D numbers, or base64 of D little-endian float32.
        model: id of the model that the client says made it.
        expected_model: id of the collection's.
        dimension: D.
    Returns:
        shape (D,), float32, of length 1.
    Raises:
        WrongModel: when another model made it, or it is not said which.
        DimensionMismatch: when it has another width.
        BadVectors: when it is no numbers, not finite, or its length is not 1.
    """
    if model != expected_model:
        raise WrongModel(f"expected a vector of the model {expected_model}, got one of {model or 'a model not named'}")
    vector = _decoded(value) if isinstance(value, str) else np.asarray(value, np.float64)
    if vector.shape != (dimension,):
        raise DimensionMismatch(f"expected a vector of {dimension} numbers, got {vector.size}")
    if not np.isfinite(vector).all():
        raise BadVectors("expected finite numbers in the vector")
    length = float(np.linalg.norm(np.clip(vector.astype(np.float64), -10, 10)))
    if abs(length - 1) > LENGTH_TOLERANCE:
        raise BadVectors(f"expected a vector of length 1, got one that is {'longer' if length > 1 else 'shorter'}")
    return (vector / length).astype(np.float32)


def _decoded(text: str) -> Vectors:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadVectors("expected the vector as numbers, or as base64 of little-endian float32") from None
    if len(data) % 4:
        raise BadVectors(f"expected a whole number of float32, got {len(data)} bytes")
    return np.frombuffer(data, "<f4")
