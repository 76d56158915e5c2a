"""When to come again follows from what is ahead and how fast the threads have been."""

from __future__ import annotations

from lookalike.service.batching.pace import Pace


def test_it_is_what_is_ahead_shared_among_the_threads() -> None:
    pace = Pace()
    pace.took(4.0, count=2)

    assert pace.retry_after_s(6, threads=3) == 4.0


def test_it_is_never_less_than_a_second_nor_more_than_a_minute() -> None:
    pace = Pace()

    assert pace.retry_after_s(1, threads=1) == 1.0
    pace.took(100.0)
    assert pace.retry_after_s(50, threads=1) == 60.0


def test_it_follows_a_change_of_pace() -> None:
    pace = Pace()
    for _ in range(100):
        pace.took(10.0)
    for _ in range(100):
        pace.took(2.0)

    assert abs(pace.retry_after_s(10, threads=1) - 20.0) < 0.1
