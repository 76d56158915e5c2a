"""Reading JSON and vectors that come in, checked and bounded."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import partial
from typing import TypeVar

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ValidationError

from lookalike.core.errors import BadVectors, DimensionMismatch, WrongModel
from lookalike.core.vectors import Vectors
from lookalike.service.context import service_of
from lookalike.service.problems import InvalidBody, Malformed, UnsupportedMediaType, errors_of
from lookalike.service.threads import Threads

B = TypeVar("B", bound=BaseModel)

MOST_VALUES = 50_000
"""In one JSON document, so that reading it takes little more memory than it has bytes; a vector has 16,384 at most."""
MOST_BRACKETS = 20_000
"""Arrays and objects of one; those in texts count, too, and a user's fields may hold that many."""

PARSED_AT_ONCE_BYTES = 16_000
"""Up to so many bytes are parsed on the event loop, which takes a fraction of a millisecond; more on one thread of the
process, callers in turn, for the parser lets nobody else compute meanwhile."""

MOST_ERRORS = 1_000
_KINDS: dict[str, np.dtype[np.floating]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}

LENGTH_TOLERANCE = 0.01
"""How far from 1 the length of a client's vector may be."""


def media_type(request: Request) -> str:
    """What the client says that the body is, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, kind: type[B]) -> tuple[B, str]:
    """Read a JSON body. To be called only once it is known who asks.

    Returns:
        it, and the SHA-256 of its bytes.
    Raises:
        UnsupportedMediaType, Malformed, InvalidBody: when it is none, or does not fit.
    """
    data = await _body_of(request)
    return await parse_aside(data, kind, service_of(request).parsing), hashlib.sha256(data).hexdigest()


async def read_only_json(request: Request, kind: type[B]) -> B:
    """Read a JSON body of which nobody asks whether it came before. Otherwise as `read_json`."""
    return await parse_aside(await _body_of(request), kind, service_of(request).parsing)


async def parse_aside(data: bytes | bytearray, kind: type[B], parsing: Threads) -> B:
    """Read JSON as one of the bodies; what takes a moment, beside the event loop. Raises as `read_json`."""
    if len(data) <= PARSED_AT_ONCE_BYTES:
        return parse(data, kind)
    return await parsing.run(partial(parse, data, kind))


def parse_text(text: str, kind: type[B]) -> B:
    """Read JSON from a message. Raises as `read_json`."""
    return parse(_bytes_of(text), kind)


async def parse_text_aside(text: str, kind: type[B], parsing: Threads) -> B:
    """Read JSON from a field of a form, as `parse_aside` does."""
    return await parse_aside(_bytes_of(text), kind, parsing)


async def parse_field(text: str, kind: type[B], parsing: Threads, *, where: str) -> B:
    """The same, of a field or parameter that is named where it does not fit.

    Raises:
        InvalidBody: when it is no JSON, or does not fit.
    """
    try:
        return await parse_text_aside(text, kind, parsing)
    except Malformed as error:
        raise InvalidBody([{"where": where, "detail": str(error)}]) from None
    except InvalidBody as error:
        places = [
            {**one, "where": where if one["where"] == "body" else f"{where}.{one['where']}"} for one in error.errors
        ]
        raise InvalidBody(places) from None


def parse(data: bytes | bytearray, kind: type[B]) -> B:
    """Read JSON as one of the bodies. Raises as `read_json`.

    The parser itself goes at most 200 levels down. The worst of 4 MB takes about 60 ms.
    """
    if data.count(b",") > MOST_VALUES:  # those in texts count, too; no text that is taken has so many
        raise Malformed(f"expected JSON of at most {MOST_VALUES} values, got more; split it into several requests")
    if data.count(b"[") + data.count(b"{") > MOST_BRACKETS:
        raise Malformed(
            f"expected JSON of at most {MOST_BRACKETS} arrays and objects, got more; split it into several requests"
        )
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        if error.error_count() > MOST_ERRORS:  # to list them all takes long
            raise InvalidBody(
                [
                    {
                        "where": "body",
                        "detail": f"expected what the description at /docs says, but {error.error_count()} places do "
                        "not fit; "
                        "compare with its example",
                    }
                ]
            ) from None
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Malformed(
                "expected JSON in UTF-8, got something else; check it with a JSON parser, and see the example at /docs"
            ) from None
        raise InvalidBody(errors_of(error.errors(include_url=False, include_input=False))) from None
    except ValueError:  # a lone surrogate, say
        raise Malformed(
            "expected JSON in UTF-8, got something else; check it with a JSON parser, and see the example at /docs"
        ) from None


def read_vector(
    value: list[float] | str | Vectors, *, model: str | None, expected_model: str, dimension: int
) -> Vectors:
    """A client's vector, checked.

    Args:
        value: shape (D,), any real dtype: D numbers, as a list or an array; or base64 of D little-endian float32, or,
            behind `float16:`, of float16.
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
        raise WrongModel(
            f"expected a vector of the model {expected_model}, got one of {model or 'a model not named'}"
            "; embed the picture again with that model, which `GET /v1/models` has"
        )
    vector = _decode(value) if isinstance(value, str) else np.asarray(value, np.float64)
    if vector.shape != (dimension,):
        raise DimensionMismatch(
            f"expected a vector of {dimension} numbers, got {vector.size}"
            "; embed the picture with the model of the collection, which `GET /v1/models` has",
            values={"expected": dimension, "got": int(vector.size)},
        )
    if not np.isfinite(vector).all():
        raise BadVectors("expected finite numbers in the vector, got NaN or an infinity; embed the picture again")
    length = float(np.linalg.norm(np.clip(vector.astype(np.float64), -10, 10)))
    if abs(length - 1) > LENGTH_TOLERANCE:
        raise BadVectors(
            f"expected a vector of length 1, got one that is {'longer' if length > 1 else 'shorter'}"
            "; divide it by its length"
        )
    return (vector / length).astype(np.float32)


async def _body_of(request: Request) -> bytearray:
    if media_type(request) != "application/json":
        raise UnsupportedMediaType(
            f"expected application/json, got {media_type(request)[:80] or 'nothing'!r}"
            "; set the Content-Type header, and send JSON"
        )
    data = bytearray()  # not a list of pieces, which would be forty times as large where each is one byte
    async for piece in request.stream():
        data += piece
    return data


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode(text: str) -> Vectors:
    """Which numbers they are is said before them, never guessed: D float32 are as long as 2 D float16.

    Returns:
        shape (D,), float32.
    """
    name, _, encoded = text.rpartition(":")  # which no base64 has
    name = name or "float32"
    try:
        kind = _KINDS[name]
        data = base64.b64decode(encoded, validate=True)
    except (KeyError, binascii.Error, ValueError):
        raise BadVectors(
            "expected the vector as numbers, as base64 of little-endian float32, or as `float16:` and base64 of such, "
            "got another text; encode its bytes anew"
        ) from None
    if len(data) % kind.itemsize:
        raise BadVectors(
            f"expected a whole number of {name}, got {len(data)} bytes"
            f"; encode the whole array: base64(vector.astype({kind.str!r}).tobytes())"
        )
    return np.frombuffer(data, kind).astype(np.float32)
