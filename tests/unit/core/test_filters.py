"""Filters: reading them, refusing them, and what they mean."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.conditions import Condition
from lookalike.core.errors import BadFilter
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.core.records import ImageRecord

APPLE = ImageRecord(
    id="ab" * 32,
    width=800,
    height=600,
    format="jpeg",
    size_bytes=2_000_000,
    taken_at="2024-05-17T12:30:00",
    camera="Canon EOS R5",
    metadata={"label": "apple", "price": "3", "stars": 4, "tags": ["red", 7], "shop": {"town": "Ulm"}, "fresh": True},
)
PATH = "/photos/2024/Apple 1.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "label = apple",
        "label=apple and width >= 800",
        "label == apple",
        "metadata.label = 'apple'",
        "label = pear or stars = 4",
        "label = pear and width = 1 or label = apple and width = 800",
        "folder = /photos",
        "folder = /photos/2024/",
        "folder = /",
        "folder in (/videos, /photos)",
        "folder like '/photos/%'",
        "path like '%/apple\\ _.jpg' or path ~ 'APPLE 1'",
        "name = 'Apple 1.jpg'",
        'name = "Apple 1.jpg"',
        "taken_at = 2024-05",
        "taken_at >= 2024-05 and taken_at <= 2024-05",
        "taken_at > 2023 and taken_at < 2025",
        "taken_at = '2024-05-17 12:30'",
        "taken_at != 2023",
        "taken_at in (2023, 2024-05-17)",
        "size_bytes < 2.1MB and size_bytes = 2MB and size_bytes > 1.9MiB",
        "format = jpg and format = JPEG",
        "camera exists and camera ~ canon",
        "price = 3 and price = 3.0 and price < 10",
        "stars >= 4 and stars in (1, '4')",
        "tags = red and tags = 7 and tags != blue",
        "label > aardvark and label not in (pear, plum)",
        "fresh = true",
        "shop exists",
        "id = " + "AB" * 32,
        "missing not exists and missing != x and missing not in (x, y)",
    ],
)
def test_the_apple_passes(text: str) -> None:
    assert Filter.parse(text).matches(APPLE, PATH)


@pytest.mark.parametrize(
    "text",
    [
        "label = Apple",
        "label != apple",
        "folder = /photo",
        "folder = /photos/2024/Apple",
        "folder != /photos",
        "taken_at > 2024",
        "taken_at < 2024-05",
        "taken_at = 2024-06",
        "label > 3 or label < 3",  # words and numbers are in no order
        "price > apple or price < apple",
        "shop = Ulm or shop < Ulm",
        "missing = x or missing in (x) or missing < x or missing like '%' or missing exists",
        "tags != 7",
        "width = 800 and width = 801",
    ],
)
def test_the_apple_does_not_pass(text: str) -> None:
    assert not Filter.parse(text).matches(APPLE, PATH)


def test_a_text_that_only_resembles_a_number_is_compared_as_text() -> None:
    code = replace(APPLE, metadata={"zip": "01099", "long": "9" * 25, "huge": "1e999"})
    assert not Filter.parse("zip = 1099").matches(code, None)
    assert Filter.parse("zip = 01099").matches(code, None)
    assert Filter.parse(f"long = {'9' * 25}").matches(code, None)
    assert not Filter.parse(f"long = {'9' * 24}8").matches(code, None)
    assert Filter.parse("huge = 1e999").matches(code, None)


def test_a_picture_without_a_file_has_no_path_folder_or_name() -> None:
    assert not Filter.parse("folder = /").matches(APPLE, None)
    assert Filter.parse("path not exists and name not exists and folder != /").matches(APPLE, None)


def test_everything_passes_everything_and_is_false() -> None:
    assert not Filter.everything()
    assert Filter.everything().matches(APPLE, None)
    assert Filter.parse("width = 1")
    assert not Filter.from_json({})


def test_filters_joined_must_both_hold() -> None:
    either = Filter.parse("label = pear or label = apple")
    assert (either & Filter.parse("width = 800 or width = 801")).matches(APPLE, None)
    assert not (either & Filter.parse("width = 801")).matches(APPLE, None)
    assert either & Filter.everything() == either


def test_json_and_text_give_the_same_filter() -> None:
    text = "width >= 800 and size < 2MB and label = a or width >= 800 and size < 2MB and camera not exists"
    form = {
        "width": {"gte": 800},
        "size": {"lt": "2MB"},
        "or": [{"label": {"eq": "a"}}, {"camera": {"exists": False}}],
    }
    assert Filter.from_json(form) == Filter.parse(text)


def test_all_operators_of_a_field_must_hold_and_a_scalar_means_eq() -> None:
    assert Filter.from_json({"stars": {"gt": 3, "lte": 4}, "label": "apple"}).matches(APPLE, None)
    assert not Filter.from_json({"stars": {"gt": 3, "lt": 4}}).matches(APPLE, None)


def test_a_field_named_like_a_built_in_one_or_like_or_is_reached_by_its_prefix() -> None:
    odd = replace(APPLE, metadata={"width": "wide", "or": 1, "my field": "x", "metadata.a": "b"})
    assert Filter.from_json({"metadata.width": {"eq": "wide"}, "metadata.or": {"eq": 1}}).matches(odd, None)
    assert Filter.parse("'my field' = x and metadata.metadata.a = b").matches(odd, None)


def test_a_home_and_relative_paths_are_resolved_in_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)
    assert Filter.parse("folder = ~/Pictures/../Photos").alternatives[0][0].value == "/home/ada/Photos"
    assert Filter.parse("path in (a.jpg)").alternatives[0][0].value == (str(tmp_path / "a.jpg"),)


def test_a_path_that_is_no_utf_8_is_compared_with_a_replacement_character() -> None:
    path = os.fsdecode(b"/photos/\xff/a.jpg")
    assert Filter.from_json({"path": path}).matches(APPLE, path)
    assert Filter.from_json({"folder": str(Path(path).parent)}).matches(APPLE, path)
    assert Filter.from_json({"path": "/photos/\ufffd/a.jpg"}).matches(APPLE, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["position 1", "name of a field", "ends there"]),
        ("label", ["position 6", "operator", "not exists"]),
        ("label = ", ["position 9", "a value"]),
        ("label = a b", ["position 11", "`and`", "quotes"]),
        ("label = a and", ["position 14", "name of a field"]),
        ("not exists", ["position 1", "name of a field", "not exists"]),
        ("label = a and NOT label = b", ["position 15", "name of a field"]),
        ("or = 3", ["position 1", "name of a field"]),
        ("label in a", ["position 10", "("]),
        ("label in (a", ["position 12"]),
        ("label is a", ["position 7", "operator"]),
        ("(label = a)", ["position 1"]),
        ("label = 'a", ["position 9"]),
        ("width = wide", ["position 1", "width", "a number", "'wide'"]),
        ("width like '8%'", ["width", "a number"]),
        ("taken_at like '2024%'", ["taken_at", "2024-05"]),
        ("taken_at = 2024-02-30", ["taken_at", "YYYY-MM-DD"]),
        ("taken_at = yesterday", ["taken_at", "yesterday"]),
        ("size_bytes > 2XB", ["size_bytes", "1.5GiB"]),
        ("folder < /a", ["folder", "below"]),
        ("label like 'a\\'", ["\\"]),
        ("label = " + "x" * 5000, ["4096"]),
        ("x" * 100_001, ["100000"]),
        (" or ".join(["a = 1"] * 257), ["256"]),
    ],
)
def test_a_text_that_cannot_be_read_says_where_and_what_was_expected(text: str, words: list[str]) -> None:
    with pytest.raises(BadFilter) as refusal:
        Filter.parse(text)
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


NESTED: Any = {}
for _ in range(5000):
    NESTED = {"or": [NESTED]}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (None, ["the filter", "object"]),
        ([], ["the filter", "object"]),
        ("label = a", ["the filter", "object"]),
        ({"label": None}, ["label", "object such as", "None"]),
        ({"label": {}}, ["label"]),
        ({"label": {"eq": None}}, ["label", "exists"]),
        ({"label": {"eq": ["a"]}}, ["label", "list of 1"]),
        ({"label": {"is": "a"}}, ["label", "'is'", "not_in"]),
        ({"label": {"in": "a"}}, ["label", "list"]),
        ({"label": {"in": [["a"]]}}, ["label"]),
        ({"label": {"in": list(range(1001))}}, ["1000"]),
        ({"label": {"exists": 1}}, ["true or false"]),
        ({"label": {"like": 1}}, ["%"]),
        ({"label": {"eq": float("nan")}}, ["finite"]),
        ({"label": {"eq": 10**30}}, ["64 bits"]),
        ({"width": {"eq": True}}, ["a number"]),
        ({"folder": {"eq": "photos"}}, ["absolute"]),
        ({"": {"eq": 1}}, ["name of a field"]),
        ({5: {"eq": 1}}, ["name of a field"]),
        ({"x" * 201: {"eq": 1}}, ["200"]),
        ({"or": []}, ["or", "list of 1"]),
        ({"or": {"a": 1}}, ["or", "list"]),
        ({"or": [1]}, ["or[0]"]),
        ({"or": [{"width": {"gt": "x"}}]}, ["or[0].width"]),
        ({"or": [{"or": []}]}, ["or[0]", "one level"]),
        (NESTED, ["one level"]),
        ({f"f{n}": 1 for n in range(257)}, ["256"]),
        ({f"f{n}": {"in": list(range(1000))} for n in range(11)}, ["10000"]),
    ],
)
def test_a_form_that_cannot_be_read_says_where_and_what_was_expected(form: object, words: list[str]) -> None:
    with pytest.raises(BadFilter) as refusal:
        Filter.from_json(form)
    assert all(word in str(refusal.value) for word in words), str(refusal.value)
    assert len(str(refusal.value)) < 1_000


def test_filters_whose_product_is_too_large_are_refused() -> None:
    many = Filter.parse(" or ".join(f"a = {n}" for n in range(20)))
    with pytest.raises(BadFilter, match="256"):
        many & many


PATTERN = "a" * 1_024


@pytest.mark.parametrize(
    "form",
    [
        {"a": {"like": PATTERN + "a"}, "b": {"like": PATTERN}, "c": {"like": PATTERN}, "d": {"like": PATTERN}},
        {"or": [{"a": {"like": f"%{n:015}%"}} for n in range(250)]},
        {"path": {"like": "é" * 2_000}},  # looked for in both ways in which it is written
        {"a": {"like": PATTERN}, "or": [{"b": n} for n in range(5)]},
    ],
)
def test_patterns_that_take_too_many_steps_together_are_refused(form: dict[str, object]) -> None:
    with pytest.raises(BadFilter) as refusal:
        Filter.from_json(form)
    assert refusal.value.code == "filter_too_large"
    assert refusal.value.values == {"limit": 4_096}


def test_patterns_as_long_as_one_text_may_be_are_taken() -> None:
    Filter.from_json({"or": [{"a": {"like": PATTERN}} for _ in range(4)]})
    one = Filter.from_json({"a": {"like": PATTERN * 2}})
    one & one
    with pytest.raises(BadFilter, match="4096 characters"):
        one & one & one


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(list(Op)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["or", "width", "taken_at", "size", *Op]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(form=JSON)
def test_any_json_is_read_or_refused(form: object) -> None:
    try:
        found = Filter.from_json(form)
    except BadFilter:
        return
    found.matches(APPLE, PATH)


WORDS = st.sampled_from(
    ["label", "=", "<", "in", "(", ")", ",", "and", "or", "not", "exists", "'a'", "like", "~", "taken_at"]
)


@given(text=st.text() | st.lists(WORDS | st.text(max_size=3)).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = Filter.parse(text)
    except BadFilter:
        return
    found.matches(APPLE, PATH)


@given(
    field=st.text(max_size=3), op=st.sampled_from(list(Op)), value=st.text(max_size=3) | st.booleans() | st.integers()
)
def test_a_condition_made_of_a_condition_is_the_same(field: str, op: Op, value: Any) -> None:
    try:
        condition = Condition(field, op, value)
    except BadFilter:
        return
    assert Condition(condition.field, condition.op, condition.value) == condition


def test_like_takes_stars_and_question_marks_too_and_a_backslash_takes_them_literally() -> None:
    image = ImageRecord("0" * 64, 1, 1, "png", 1, metadata={"label": "a*b?c"})

    for pattern, matches in (
        ("a*c", True),
        ("a%c", True),
        ("a?b?c", True),
        ("?", False),
        (r"a\*b\?c", True),
        (r"a\*c", False),
        (r"%\*%", True),
    ):
        condition = Condition("label", Op.LIKE, pattern)
        assert condition.matches(image, None) is matches, pattern
        assert Condition(condition.field, condition.op, condition.value) == condition
    assert Filter.parse("label ~ 'a*'").matches(image, None)
    assert not Filter.parse("label ~ 'a?'").matches(image, None)


@pytest.mark.parametrize(("former", "now"), [("date", "taken_at"), ("size", "size_bytes")])
def test_what_fields_were_called_before_is_still_read(former: str, now: str) -> None:
    value = {"date": "2024-05", "size": 7}[former]
    assert Filter.parse(f"{former} = {value}") == Filter.parse(f"{now} = {value}")
    assert Filter.from_json({former: {"eq": value}}) == Filter.from_json({now: {"eq": value}})
    assert Filter.parse(f"metadata.{former} = {value}") != Filter.parse(f"{now} = {value}")
