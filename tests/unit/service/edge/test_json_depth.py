"""Depth of JSON, against a naive loop."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.service.edge.json_depth import DEEPEST, is_too_deep, json_depth

VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"[', "]}", "[[{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def naive(value: object) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max(map(naive, inner), default=0)


@given(VALUES, st.booleans())
def test_the_depth_is_that_of_the_value(value: object, is_ascii: bool) -> None:
    assert json_depth(json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")) == naive(value)


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1])
def test_one_level_more_than_allowed_is_too_deep(levels: int) -> None:
    assert is_too_deep(b'{"a":' * (levels - 1) + b"[1]" + b"}" * (levels - 1)) == (levels > DEEPEST)
    assert not is_too_deep(b"[" + b"[]," * 1000 + b"1]")


@given(st.binary())
def test_of_what_is_no_json_some_number_is_told(body: bytes) -> None:
    assert json_depth(body) >= 0


@pytest.mark.parametrize("unit", [b'\\"', b'"', b'"\\', b"]", b'"["'])
def test_hostile_text_takes_no_more_than_linear_time(unit: bytes) -> None:
    json_depth(b'"' + unit * 200_000)  # quadratic time would be minutes, and the test's time is bounded
