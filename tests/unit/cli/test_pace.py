"""A pace is smoothed, and unknown until it can be known."""

from __future__ import annotations

import pytest

from lookalike.cli.pace import KNOWN_AFTER_ITEMS, KNOWN_AFTER_S, WINDOW_S, Pace


def test_nothing_is_known_at_first() -> None:
    pace = Pace()
    assert (pace.per_second, pace.estimate_left_s(10)) == (None, None)
    pace.note(5, now_s=100.0)
    assert (pace.per_second, pace.estimate_left_s(10)) == (None, None)


def test_it_takes_some_seconds_and_some_items() -> None:
    pace = Pace()
    pace.note(0, now_s=0.0)
    pace.note(1000, now_s=KNOWN_AFTER_S / 2)
    assert pace.per_second is None
    pace = Pace()
    pace.note(0, now_s=0.0)
    pace.note(KNOWN_AFTER_ITEMS - 1, now_s=10 * KNOWN_AFTER_S)
    assert pace.per_second is None


def test_what_was_skipped_before_does_not_count_as_speed() -> None:
    pace = Pace()
    pace.note(9000, now_s=0.0)
    pace.note(9100, now_s=10.0)
    assert pace.per_second == pytest.approx(10.0)
    assert pace.estimate_left_s(50) == pytest.approx(5.0)


def test_only_the_last_half_minute_counts() -> None:
    pace = Pace()
    for second in range(200):
        pace.note(100 * second if second < 100 else 10_000 + second, now_s=float(second))
    assert pace.per_second == pytest.approx(1.0, abs=0.1)


def test_a_long_pause_makes_it_slower_not_unknown() -> None:
    pace = Pace()
    pace.note(0, now_s=0.0)
    pace.note(100, now_s=10.0)
    pace.note(130, now_s=10.0 + 2 * WINDOW_S)
    assert pace.per_second == pytest.approx(0.5)
