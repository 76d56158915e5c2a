"""Reading JSON and vectors that come in, checked and bounded."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TypeVar

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ValidationError

from lookalike.core.errors import BadVectors, DimensionMismatch, WrongModel
from lookalike.core.vectors import Vectors
from lookalike.service.edge.json_depth import DEEPEST, is_too_deep
from lookalike.service.problems import InvalidBody, Malformed, UnsupportedMediaType, errors_of

B = TypeVar("B", bound=BaseModel)

MOST_VALUES = 50_000
"""In one JSON document, so that reading it takes little more memory than it has bytes; a vector has 16,384 at most."""

MOST_ERRORS = 1_000
LENGTH_TOLERANCE = 0.01
"""How far from 1 the length of a client's vector may be."""


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


def parse_text(text: str, kind: type[B]) -> B:
    """Read JSON from a field of a form, a parameter or a message: what the edge has not looked at.

    Raises:
        Malformed, InvalidBody: as `read_json`; also when it is nested too deeply.
    """
    data = text.encode("utf-8", "surrogatepass")
    if is_too_deep(data):
        raise Malformed(f"expected JSON of at most {DEEPEST} levels, got more")
    return parse(data, kind)


def parse_field(text: str, kind: type[B], *, where: str) -> B:
    """The same, of a field or parameter that is named where it does not fit.

    Raises:
        InvalidBody: when it is no JSON, or does not fit.
    """
    try:
        return parse_text(text, kind)
    except Malformed as error:
        raise InvalidBody([{"where": where, "detail": str(error)}]) from None
    except InvalidBody as error:
        places = [
            {**one, "where": where if one["where"] == "body" else f"{where}.{one['where']}"} for one in error.errors
        ]
        raise InvalidBody(places) from None


def parse(data: bytes, kind: type[B]) -> B:
    """Read JSON as one of the bodies. Raises as `read_json`."""
    if data.count(b",") > MOST_VALUES:  # those in texts count, too; no text that is taken has so many
        raise Malformed(f"expected JSON of at most {MOST_VALUES} values, got more")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        if error.error_count() > MOST_ERRORS:  # to list them all takes long
            raise InvalidBody([{"where": "body", "detail": f"{error.error_count()} places do not fit"}]) from None
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Malformed("expected JSON in UTF-8, got something else") from None
        raise InvalidBody(errors_of(error.errors(include_url=False, include_input=False))) from None
    except ValueError:  # a lone surrogate, say
        raise Malformed("expected JSON in UTF-8, got something else") from None


def read_vector(
    value: list[float] | str | Vectors, *, model: str | None, expected_model: str, dimension: int
) -> Vectors:
    """A client's vector, checked.

    Args:
        value: D numbers, as a list or an array, or base64 of D little-endian float32.
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
        raise DimensionMismatch(
            f"expected a vector of {dimension} numbers, got {vector.size}",
            values={"expected": dimension, "got": int(vector.size)},
        )
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
