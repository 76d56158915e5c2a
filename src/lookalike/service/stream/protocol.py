"""What goes over a WebSocket, as `docs/reference/http.md` says it: read from bytes, and made to be sent."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from lookalike.core.errors import BadVectors, LookalikeError
from lookalike.core.filters import Filter
from lookalike.core.records import Json
from lookalike.core.vectors import Vectors
from lookalike.core.wording import remarks_of
from lookalike.jobs.base import Event
from lookalike.models.card import ModelCard
from lookalike.search.search_options import Collapse
from lookalike.search.where import read_filter
from lookalike.service.api.answers import json_bytes
from lookalike.service.api.bodies import parse_text, read_vector
from lookalike.service.api.request_bodies import Body, FilterJson, Sha256, Share
from lookalike.service.problems import Malformed, describe_error, values_of

MOST_FRAME_BYTES = 8_000_000
MOST_TEXT_BYTES = 64_000

_HEADER = struct.Struct("<IB3s")
_ZEROS = b"\0\0\0"


class Kind(IntEnum):
    """What a frame holds."""

    PICTURE = 1
    VECTOR = 2


class Frame(NamedTuple):
    """One query.

    Attributes:
        seq: its number, as the client counts.
        kind: what it holds.
        payload: the file of a picture, or D little-endian float32.
    """

    seq: int
    kind: Kind
    payload: bytes


class Configured(NamedTuple):
    """What a client wants of the queries from now on; all that it does not say is as here.

    Attributes:
        k: hits.
        where: what a picture must be.
        recall: that is wanted; None for what the collection is set to.
        min_confidence: of a hit; None for any.
        collapse: whether near-identical pictures count once.
        model: id of the model of its vectors; None where it sends none.
    """

    k: int = 10
    where: Filter = Filter.everything()
    recall: float | None = None
    min_confidence: float | None = None
    collapse: Collapse = "none"
    model: str | None = None


class _Configure(Body):
    type: Literal["configure"]
    k: Annotated[int, Field(ge=1, le=1_000)] = 10
    filter: FilterJson | None = None
    recall: Annotated[float, Field(gt=0, le=1)] | None = None
    min_confidence: Share | None = None
    collapse: Collapse = "none"
    model: Sha256 | None = None


def read_configure(text: str) -> Configured:
    """Read a text message.

    Raises:
        Malformed: when it is no JSON.
        InvalidBody: when it is no `configure`, or does not fit.
        BadFilter: when its filter cannot be understood.
    """
    said = parse_text(text, _Configure)
    return Configured(
        k=said.k,
        where=read_filter(said.filter),
        recall=said.recall,
        min_confidence=said.min_confidence,
        collapse=said.collapse,
        model=said.model,
    )


def read_frame(message: bytes) -> Frame:
    """Read a binary message.

    Raises:
        Malformed: when it does not begin as a query does. Its number is not known then.
    """
    if len(message) <= _HEADER.size:
        raise Malformed(
            f"expected {_HEADER.size} bytes and a picture or a vector, got {len(message)} bytes"
            "; put its header before it, as docs/reference/stream.md says"
        )
    seq, kind, zeros = _HEADER.unpack_from(message)
    if kind not in tuple(Kind) or zeros != _ZEROS:
        raise Malformed(
            "expected 4 bytes of seq, 1 byte of kind (1 or 2) and 3 zero bytes, got something else"
            "; write them in little-endian order, as docs/reference/stream.md says"
        )
    return Frame(seq, Kind(kind), message[_HEADER.size :])


def vector_of(payload: bytes, *, model: str | None, expected: ModelCard) -> Vectors:
    """A client's vector, checked as one in a request is.

    Returns:
        shape (D,), float32, of length 1.
    Raises:
        WrongModel: when another model made it, or it was not said which.
        DimensionMismatch, BadVectors: when it is not D finite numbers of length 1.
    """
    if len(payload) % 4:
        raise BadVectors(
            f"expected a whole number of float32, got {len(payload)} bytes"
            "; make it anew: vector.astype('<f4').tobytes()"
        )
    return read_vector(
        np.frombuffer(payload, "<f4"), model=model, expected_model=expected.id, dimension=expected.dimension
    )


def ready_message(collection: str, card: ModelCard) -> str:
    """What the server says first."""
    facts = {"model": card.id, "dimension": card.dimension, "collection": collection, "max_bytes": MOST_FRAME_BYTES}
    return _text({"type": "ready", **facts})


def hits_message(
    seq: int,
    hits: Sequence[Mapping[str, Json]],
    *,
    plan: str,
    exact: bool,
    nothing_like_it: bool | None,
    timings_ms: Mapping[str, float],
    dropped: int,
) -> str:
    """The answer to a query; `dropped` counts all that were passed over since the connection began."""
    timings = {name: round(value, 3) for name, value in timings_ms.items()}
    steps = [{"code": one.code, "values": one.values} for one in remarks_of(plan)]
    how = {"plan": plan, "plan_steps": steps, "exact": exact, "nothing_like_it": nothing_like_it}
    return _text({"type": "hits", "seq": seq, "hits": hits, **how, "timings_ms": timings, "dropped": dropped})


def problem_message(seq: int | None, error: LookalikeError, *, code: str | None = None) -> str:
    """What is said in place of hits; without a number of what is no query."""
    facts = {"code": code or error.code, "values": values_of(error), "detail": describe_error(error)}
    return _text({"type": "problem", "seq": seq, **facts})


def event_message(event: Event, job: Mapping[str, Json]) -> str:
    """Something that happened to a job."""
    return _text({"type": "event", "seq": event.seq, "event": event.event, "job": job})


def gap_message(seq: int) -> str:
    """Events up to this number are no longer kept."""
    return _text({"type": "gap", "seq": seq})


def _text(value: Mapping[str, object]) -> str:
    return json_bytes(value).decode()
