"""When a key ends, as people say it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lookalike.core.errors import BadInput
from lookalike.service.access.spans import parse_end

DAY = 86_400


@pytest.mark.parametrize(("text", "after"), [("12h", DAY / 2), ("90d", 90 * DAY), ("8w", 56 * DAY), ("1y", 365 * DAY)])
def test_a_span_counts_from_now(text: str, after: float) -> None:
    assert parse_end(text, now=1000.0) == 1000 + after


def test_a_day_is_the_last_one() -> None:
    assert parse_end("2027-01-31", now=0.0) == datetime(2027, 2, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["", "90", "d", "0d", "-1d", "1.5d", "9999999d", "1d ", "٣d", "2027-02-30", "tomorrow"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected a span"):
        parse_end(text, now=0.0)


@pytest.mark.parametrize("text", ["999999y", "9999-12-31"])
def test_an_end_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="10000"):
        parse_end(text, now=0.0)
