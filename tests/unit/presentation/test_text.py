"""Names from outside become harmless; figures read well; tables line up."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.presentation.text import (
    HitLine,
    hits_table,
    human_count,
    human_duration,
    human_rate,
    human_size,
    safe,
    similarity_bar,
)

HOSTILE = [
    ("cat.jpg", "cat.jpg"),
    ("été 漢字 🦊.jpg", "été 漢字 🦊.jpg"),
    ("👨‍👩‍👧.jpg", "👨‍👩‍👧.jpg"),
    ("two\nlines\t.jpg", r"two\nlines\t.jpg"),
    ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
    ("\x9b31m c1", r"\x9b31m c1"),
    ("gpj\u202e.exe", r"gpj\u202e.exe"),
    ("a\u2066b\u2028c", r"a\u2066b\u2028c"),
    (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
    ("\ud800", r"\ud800"),
    ("\U000e0041", r"\U000e0041"),
]


@pytest.mark.parametrize(("name", "shown"), HOSTILE, ids=[ascii(name) for name, _ in HOSTILE])
def test_a_name_is_shown_harmlessly(name: str, shown: str) -> None:
    assert safe(name) == shown


@given(st.text(st.characters()))
def test_any_name_becomes_one_encodable_line_without_control_characters(name: str) -> None:
    shown = safe(name)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (99_951, "100 kB"), (999_499, "999 kB"),
        (999_500, "1.0 MB"), (3_200_000, "3.2 MB"), (1_500_000_000, "1.5 GB"), (2 * 10**12, "2.0 TB"),
        (5 * 10**15, "5000 TB"),
    ],
)  # fmt: skip
def test_sizes_read_well(size: int, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 ms"), (0.0042, "4.2 ms"), (0.25, "250 ms"), (0.9996, "1.0 s"), (1.25, "1.2 s"), (59.94, "59.9 s"),
        (59.96, "1 min 0 s"), (200, "3 min 20 s"), (3599.6, "1 h 0 min"), (7500, "2 h 5 min"),
    ],
)  # fmt: skip
def test_durations_read_well(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_rates_name_their_unit() -> None:
    assert human_rate(312.4, unit="photos") == "312 photos/s"
    assert human_rate(4.49, unit="photos") == "4.5 photos/s"
    assert human_rate(12_345, unit="photos") == "12,345 photos/s"


def test_counts_are_written_with_their_plural() -> None:
    assert [human_count(count, "file") for count in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_a_similarity_bar_has_always_the_same_width() -> None:
    assert similarity_bar(1.2) == "█" * 10
    assert similarity_bar(-0.5) == " " * 10
    assert {len(similarity_bar(i / 100)) for i in range(101)} == {10}


LINES = [HitLine(1, 0.98765, "a/cat.jpg", ("640 x 480",)), HitLine(12, -0.1, "b/[bold]do\ng[/bold].jpg")]


def test_a_plain_table_is_aligned_text_and_nothing_else() -> None:
    assert hits_table(LINES, terminal=False) == (
        "rank  similarity  picture\n"
        "   1       0.988  a/cat.jpg  640 x 480\n"
        "  12      -0.100  b/[bold]do\\ng[/bold].jpg\n"
    )  # fmt: skip


def test_no_hits_give_no_table() -> None:
    assert hits_table([], terminal=False) == hits_table([], terminal=True) == ""


def test_a_table_on_a_terminal_shows_names_as_they_are_not_as_markup() -> None:
    table = hits_table(LINES, terminal=True, color=False, width=70)
    assert "[bold]do\\ng[/bold].jpg" in table
    assert "0.988 █████████▉" in table
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) <= 70


def test_colours_and_links_appear_only_where_wanted() -> None:
    line = [HitLine(1, 0.9, "cat.jpg", href="file:///home/me/cat.jpg")]
    assert "\x1b]8;" in hits_table(line, terminal=True)
    assert "\x1b" not in hits_table(line, terminal=True, color=False)


def test_a_link_that_could_break_out_is_not_made() -> None:
    line = [HitLine(1, 0.9, "cat.jpg", href="file:///a\x1b\\evil")]
    assert "evil" not in hits_table(line, terminal=True)
