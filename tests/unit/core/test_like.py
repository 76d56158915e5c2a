"""LIKE in Python against the LIKE of SQLite."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.fields import searchable_text
from lookalike.core.like import escape_like, like

TEXTS = st.text(st.sampled_from("aAbB%_\\/é\n日 "), max_size=8) | st.text(max_size=8)


def sqlite_like(text: str, pattern: str) -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        return bool(connection.execute(r"SELECT ? LIKE ? ESCAPE '\'", (text, pattern)).fetchone()[0])
    finally:
        connection.close()


@given(text=TEXTS.map(searchable_text), pattern=TEXTS.map(searchable_text))
def test_like_equals_that_of_sqlite(text: str, pattern: str) -> None:
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 0:  # filters refuse a pattern that ends in an open escape
        assert like(text, pattern) == sqlite_like(text, pattern)


@given(text=TEXTS)
def test_an_escaped_text_is_a_pattern_for_itself_alone(text: str) -> None:
    assert like(text, escape_like(text))
    assert not like(text + "x", escape_like(text))


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Cat_1.JPG", "%cat\\_%", True),
        ("Cats1.JPG", "%cat\\_%", False),
        ("", "%%", True),
        ("", "_", False),
        ("ÄRGER", "ärger", False),  # only A-Z equal a-z
        ("line\nbreak", "line_break", True),
    ],
)
def test_like_does_what_its_description_says(text: str, pattern: str, expected: bool) -> None:
    assert like(text, pattern) is expected


def test_a_hostile_pattern_does_not_take_exponential_time() -> None:
    assert not like("a" * 2_000, "%a" * 200 + "b")  # the exponential way would never come back
