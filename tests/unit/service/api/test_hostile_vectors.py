"""Vectors that are none, at both doors that read one from JSON: a problem that says what was expected."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest

from lookalike.core.vectors import Vectors, narrow, normalise, to_unit, unit_of_kept
from lookalike.service.api.bodies import read_vector
from tests.collections import D, png
from tests.services import FIRST, Running, sha256, token, unit
from tests.unit.service.api.test_uploads import UPLOADS, uploaded

REST = unit(0)[1:]


def packed(values: Any, dtype: str = "<f4") -> str:
    return base64.b64encode(np.asarray(values, dtype).tobytes()).decode()


VECTORS: dict[str, tuple[Any, str]] = {
    "one too few": (REST, "dimension_mismatch"),
    "one too many": ([*unit(0), 0.0], "dimension_mismatch"),
    "one number": ([1.0], "dimension_mismatch"),
    "empty": ([], "invalid"),
    "zero": ([0.0] * D, "bad_vectors"),
    "tiny": ([1e-300] * D, "bad_vectors"),
    "too long": ([5.0] * D, "bad_vectors"),
    "too long for float32": ([1e308] * D, "bad_vectors"),
    "NaN": ([math.nan, *REST], "invalid"),
    "inf": ([math.inf, *REST], "invalid"),
    "-inf": ([-math.inf, *REST], "invalid"),
    "a text": (["1.0", *REST], "invalid"),
    "true": ([True, *[0.0] * (D - 1)], "invalid"),
    "only booleans": ([True] + [False] * (D - 1), "invalid"),
    "null": ([None, *REST], "invalid"),
    "nested": ([unit(0)], "invalid"),
    "each nested": ([[value] for value in unit(0)], "invalid"),
    "named": ({"0": 1.0}, "invalid"),
    "a number": (1.0, "invalid"),
    "a truth": (True, "invalid"),
    "no base64": ("not base64!", "bad_vectors"),
    "empty base64": ("", "dimension_mismatch"),
    "base64 of the other alphabet": ("__" + packed(unit(0))[2:], "bad_vectors"),
    "base64 with a newline": (packed(unit(0))[:8] + "\n" + packed(unit(0))[8:], "bad_vectors"),
    "base64 of half a number": (base64.b64encode(b"12").decode(), "bad_vectors"),
    "base64 of float64": (packed(unit(0), "<f8"), "dimension_mismatch"),
    "base64 of float16": (packed(unit(0), "<f2"), "dimension_mismatch"),
    "base64 of zero": (packed([0.0] * D), "bad_vectors"),
    "base64 of NaN": (packed([math.nan, *REST]), "bad_vectors"),
    "base64 of inf": (packed([math.inf, *REST]), "bad_vectors"),
    "base64 of -inf": (packed([-math.inf, *REST]), "bad_vectors"),
    "base64 of the largest": (packed([3e38] * D), "bad_vectors"),
    "float16 of half a number": ("float16:" + base64.b64encode(b"1").decode(), "bad_vectors"),
    "float16 of none": ("float16:", "dimension_mismatch"),
    "float16 that are float32": ("float16:" + packed(unit(0)), "dimension_mismatch"),
    "float32 that are float16": ("float32:" + packed(unit(0), "<f2"), "dimension_mismatch"),
    "float16 of NaN": ("float16:" + packed([math.nan, *REST], "<f2"), "bad_vectors"),
    "float16 of inf": ("float16:" + packed([math.inf, *REST], "<f2"), "bad_vectors"),
    "float16 of zero": ("float16:" + packed([0.0] * D, "<f2"), "bad_vectors"),
    "float16 of the largest": ("float16:" + packed([65_504.0] * D, "<f2"), "bad_vectors"),
    "float16 in the other order": ("float16:" + packed([0.5, *[0.0] * (D - 1)], ">f2"), "bad_vectors"),
    "float64 by name": ("float64:" + packed(unit(0), "<f8"), "bad_vectors"),
    "another word": ("bfloat16:" + packed(unit(0), "<f2"), "bad_vectors"),
    "two words": ("float16:float16:" + packed(unit(0), "<f2"), "bad_vectors"),
    "a word alone": ("float16" + packed(unit(0), "<f2"), "bad_vectors"),
    "base64 in the other order": (packed([0.5, *[0.0] * (D - 1)], ">f4"), "bad_vectors"),
}


def body_of(vector: Any, **more: Any) -> str:
    return json.dumps({"vector": vector, **more})  # NaN and infinities as Python, and many a client, write them


@pytest.mark.parametrize("name", VECTORS)
def test_a_search_by_a_vector_that_is_none_is_a_problem(served: Running, name: str) -> None:
    vector, code = VECTORS[name]

    reply = served.client.post(
        f"/v1/collections/{FIRST}/search",
        content=body_of(vector, model=served.model),
        headers={**token("read"), "Content-Type": "application/json"},
    )

    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert said(reply.json())


@pytest.mark.parametrize("name", VECTORS)
def test_an_upload_with_a_vector_that_is_none_is_a_problem_and_nothing_is_taken_in(served: Running, name: str) -> None:
    vector, code = VECTORS[name]
    data = png(61)
    upload = uploaded(served, data)

    reply = served.client.post(
        f"{UPLOADS}/{upload['id']}/complete",
        content=body_of(vector, model=served.model, sha256=sha256(data)),
        headers={**token("write"), "Content-Type": "application/json"},
    )

    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert said(reply.json())
    assert sha256(data) not in served.service.collections.get(FIRST)


def said(problem: dict[str, Any]) -> str:
    """What a problem says of the vector: nothing of ours, such as the name of a class or a file."""
    text = " ".join([problem.get("detail", ""), *(one["detail"] for one in problem.get("errors", []))])
    assert not {"Traceback", "pydantic", "numpy", ".py"} & set(text.replace(".", " .").split())
    return text


def test_a_vector_that_is_one_is_taken(served: Running) -> None:
    named = ("float16:" + packed(unit(0), "<f2"), "float32:" + packed(unit(0)))
    for vector in (unit(0), packed(unit(0)), [1] + [0] * (D - 1), *named):
        reply = served.client.post(
            f"/v1/collections/{FIRST}/search",
            content=body_of(vector, model=served.model),
            headers={**token("read"), "Content-Type": "application/json"},
        )
        assert reply.status_code == 200, reply.text


def test_of_a_vector_in_float16_just_these_bits_are_kept(served: Running) -> None:
    data = png(62)
    upload = uploaded(served, data)
    halves = np.asarray(unit(7), np.float16)

    reply = served.client.post(
        f"{UPLOADS}/{upload['id']}/complete",
        content=body_of("float16:" + packed(halves, "<f2"), model=served.model, sha256=sha256(data)),
        headers={**token("write"), "Content-Type": "application/json"},
    )

    assert reply.status_code == 200, reply.text
    catalog = served.service.collections.get(FIRST)._parts.catalog
    (kept,) = catalog.vectors(list(catalog.keys([sha256(data)]).values())).vectors
    assert kept.tobytes() == halves.tobytes()


def test_whether_a_vector_comes_in_float16_or_float32_hardly_changes_a_similarity() -> None:
    N, width = 200, 1_280
    rng = np.random.default_rng(3)
    rows = normalise(rng.standard_normal((N, width)).astype(np.float32) * rng.gamma(0.3, size=width).astype(np.float32))

    def read(text: str) -> Vectors:
        return read_vector(text, model="m", expected_model="m", dimension=width)

    floats = np.stack([read(packed(row)) for row in rows])
    halves = np.stack([read("float16:" + packed(row, "<f2")) for row in rows])
    from_floats, from_halves = (unit_of_kept(narrow(to_unit(one))).astype(np.float64) for one in (floats, halves))
    others = unit_of_kept(narrow(rows)).astype(np.float64)

    of_uploads = np.abs((from_floats - from_halves) @ others.T).max()
    of_searches = np.abs((floats.astype(np.float64) - halves) @ others.T).max()
    assert of_uploads < 1e-6  # it was 0
    assert of_searches < 2.5e-4  # each number is off by a 4,096th of itself at most; it was 0.9e-4
