"""A filter may be written in several ways, and a mistake in one says what the right form is."""

from __future__ import annotations

from typing import Any

import pytest

from lookalike.core.errors import BadFilter
from lookalike.core.filters import Filter
from lookalike.search.where import read_filter

RIGHT = "width > 800 and label = apple"


@pytest.mark.parametrize(
    "where",
    [
        RIGHT,
        Filter.parse(RIGHT),
        {"width": {"gt": 800}, "label": "apple"},
        ["width > 800", "label = apple"],
        ("width > 800", {"label": {"eq": "apple"}}),
        [Filter.parse("width > 800"), "label = apple"],
    ],
)
def test_all_forms_mean_the_same(where: Any) -> None:
    assert str(read_filter(where)) == str(Filter.parse(RIGHT))


def test_nothing_asked_is_everything() -> None:
    for where in (None, [], (), {}):
        assert not read_filter(where)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (5, r"where: expected a text such as .*a dict such as .*or a list of those that all hold, got int: 5"),
        (True, "got bool"),
        (b"width > 800", "got bytes"),
        (["width > 800", 3], r"where\[1\]: expected a text .*got int: 3"),
        (["width > 800", None], r"where\[1\]: .*got NoneType"),
        ([("width", ">", 800)], r"where: .*got tuple"),
        (["width", ">", "800"], r"where\[0\]: .*one condition is one text: 'width > 800'"),
        (["width > 800", "label ="], r"where\[1\]: "),
        ({"width": {"near": 3}}, "unknown operator 'near'; known are eq"),
        ({"width": "wide"}, "width: expected a number"),
        ({"width", "label"}, "got set"),
    ],
)
def test_a_mistake_names_its_place_and_the_right_form(where: Any, said: str) -> None:
    with pytest.raises(BadFilter, match=said):
        read_filter(where)
