"""Numbers that are none are refused, and values are told apart as JSON does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.json_values import finite, is_same


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300).map(float))
def test_a_finite_number_is_what_it_was(number: float) -> None:
    assert finite(json.dumps(number)) == number


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_what_is_not_finite_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="expected finite numbers, got "):
        json.loads(f"[{written}]", parse_constant=finite, parse_float=finite)


VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5, "", "1", "a"])
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


@given(NESTED, NESTED)
def test_values_are_the_same_where_their_canonical_texts_are(one: object, other: object) -> None:
    assert is_same(one, other) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ([1], [True]), ({"a": 0}, {"a": False})])
def test_what_python_takes_for_the_same_is_not(one: object, other: object) -> None:
    assert one == other
    assert not is_same(one, other)
    assert is_same(json.loads(json.dumps(one)), one)
