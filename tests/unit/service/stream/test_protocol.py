"""Messages are read strictly, and made as the contract says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lookalike.core.errors import BadFilter, BadVectors, DimensionMismatch, NotIndexed, StorageFailed, WrongModel
from lookalike.core.filters import Filter
from lookalike.core.saying import exact_plan
from lookalike.embedding.fake import FakeEmbedder
from lookalike.jobs.base import Event, Job
from lookalike.service.problems import InvalidBody, Malformed
from lookalike.service.stream.protocol import (
    Configured,
    Frame,
    Kind,
    event_message,
    gap_message,
    hits_message,
    problem_message,
    read_configure,
    read_frame,
    ready_message,
    vector_of,
)
from tests.unit.service.stream.stream_service import configure, frame, unit

CARD = FakeEmbedder(dimension=16).card


def test_a_frame_is_number_kind_and_payload() -> None:
    assert read_frame(frame(2**32 - 1, b"abc")) == Frame(2**32 - 1, Kind.PICTURE, b"abc")
    assert read_frame(frame(0, b"abcd", kind=2)) == Frame(0, Kind.VECTOR, b"abcd")


@pytest.mark.parametrize(
    "message",
    [b"", b"\1", frame(1, b""), frame(1, b"x", kind=0), frame(1, b"x", kind=3), frame(1, b"x", zeros=b"\0\0\1")],
)
def test_what_does_not_begin_as_a_query_is_malformed(message: bytes) -> None:
    with pytest.raises(Malformed):
        read_frame(message)


def test_what_is_not_configured_is_as_before_anything_was() -> None:
    assert read_configure(configure()) == Configured()
    assert read_configure(configure(k=3)) == Configured(k=3)


def test_everything_can_be_configured() -> None:
    said = read_configure(
        configure(k=7, filter={"n": {"lt": 3}}, recall=0.9, min_confidence=0.5, collapse="group", model=CARD.id)
    )

    assert said == Configured(7, Filter.from_json({"n": {"lt": 3}}), 0.9, 0.5, "group", CARD.id)


@pytest.mark.parametrize("text", ["", "{", "garbage", "[" * 100_000])
def test_text_that_is_no_json_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_configure(text)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "{}",
        '{"type": "hits"}',
        configure(k=0),
        configure(k=1001),
        configure(k="3"),
        configure(recall=0),
        configure(min_confidence=1.1),
        configure(collapse="all"),
        configure(model="x"),
        configure(filter=[]),
        configure(other=1),
        '{"type": "configure", "k": NaN}',
    ],
)
def test_what_does_not_fit_is_told(text: str) -> None:
    with pytest.raises(InvalidBody):
        read_configure(text)


def test_a_filter_that_cannot_be_understood_is_told() -> None:
    with pytest.raises(BadFilter):
        read_configure(configure(filter={"n": {"near": 3}}))


def test_a_vector_comes_as_it_was_sent() -> None:
    vector = unit(3.0, 4.0)

    np.testing.assert_allclose(
        vector_of(vector.astype("<f4").tobytes(), model=CARD.id, expected=CARD), vector, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("payload", "model", "error"),
    [
        (unit(1.0).tobytes(), None, WrongModel),
        (unit(1.0).tobytes(), "0" * 64, WrongModel),
        (unit(1.0).tobytes()[:-4], CARD.id, DimensionMismatch),
        (unit(1.0).tobytes() * 2, CARD.id, DimensionMismatch),
        (unit(1.0).tobytes()[:-1], CARD.id, BadVectors),
        (np.array([math.nan] + [0.0] * 15, "<f4").tobytes(), CARD.id, BadVectors),
        (np.array([math.inf] + [0.0] * 15, "<f4").tobytes(), CARD.id, BadVectors),
        (np.zeros(16, "<f4").tobytes(), CARD.id, BadVectors),
        (2 * unit(1.0).tobytes(), CARD.id, DimensionMismatch),
        ((2 * unit(1.0)).tobytes(), CARD.id, BadVectors),
        (np.full(16, 3e38, "<f4").tobytes(), CARD.id, BadVectors),
    ],
)
def test_a_vector_that_cannot_be_used_is_told(payload: bytes, model: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        vector_of(payload, model=model, expected=CARD)


def test_messages_are_as_the_contract_says() -> None:
    job = Job(id="a" * 32, kind="verify_upload", collection="photos", payload={})

    assert json.loads(ready_message("photos", CARD)) == {
        "type": "ready",
        "model": CARD.id,
        "dimension": 16,
        "collection": "photos",
        "max_bytes": 8_000_000,
    }
    assert json.loads(
        hits_message(
            7,
            [{"id": "x"}],
            plan=exact_plan(None),
            exact=True,
            nothing_like_it=False,
            timings_ms={"search": 1.23456},
            dropped=2,
        )
    ) == {
        "type": "hits",
        "seq": 7,
        "hits": [{"id": "x"}],
        "plan": "exact",
        "plan_steps": [{"code": "exact", "values": {}}],
        "exact": True,
        "nothing_like_it": False,
        "timings_ms": {"search": 1.235},
        "dropped": 2,
    }
    assert json.loads(problem_message(None, NotIndexed("no such picture"))) == {
        "type": "problem",
        "seq": None,
        "code": "not_indexed",
        "values": {},
        "detail": "no such picture",
    }
    assert json.loads(event_message(Event(9, "job.done", job), {"id": job.id})) == {
        "type": "event",
        "seq": 9,
        "event": "job.done",
        "job": {"id": job.id},
    }
    assert json.loads(gap_message(4)) == {"type": "gap", "seq": 4}


def test_a_failure_of_ours_is_not_told_in_its_own_words() -> None:
    assert "/home" not in problem_message(3, StorageFailed("/home/me/photos cannot be read"))


def test_half_a_surrogate_in_metadata_is_sent_as_something_that_utf_8_can_hold() -> None:
    text = hits_message(1, [{"name": "\ud800"}], plan="", exact=True, nothing_like_it=None, timings_ms={}, dropped=0)

    assert json.loads(text)["hits"] == [{"name": "?"}]
