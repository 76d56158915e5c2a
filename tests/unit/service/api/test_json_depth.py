"""Depth of JSON, against a naive loop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.service.api import json_depth
from lookalike.service.api.json_depth import DEEPEST, check_depth

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def naive(value: object) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max(map(naive, inner), default=0)


@given(VALUES, st.integers(1, 5))
def test_a_value_is_too_deep_where_it_has_more_levels(value: object, deepest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_depth, "DEEPEST", deepest)
        if naive(value) > deepest:
            with pytest.raises(ValueError, match="levels"):
                check_depth(value)
        else:
            assert check_depth(value) is value


def test_one_level_more_than_allowed_is_too_deep() -> None:
    deep: object = 1
    for _ in range(DEEPEST):
        deep = {"a": 1, "b": deep}
    assert check_depth(deep) is deep
    with pytest.raises(ValueError, match="at most 32 levels"):
        check_depth([deep])
