"""Names from outside become harmless; figures read well; tables line up."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.presentation.text import (
    human_count,
    human_duration,
    human_rate,
    human_size,
    safe,
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
