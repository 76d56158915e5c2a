"""How long a key is good, as people say it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lookalike.core.errors import BadInput

_SPAN = re.compile(r"([1-9][0-9]{0,5})([hdwy])")
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def parse_end(text: str, *, now: float) -> float:
    """When something ends.

    Args:
        text: a span such as `12h`, `90d`, `8w`, `1y`, or a day such as `2027-01-31`, which is the last one (in UTC).
        now: Unix time in seconds.
    Returns:
        Unix time in seconds.
    Raises:
        BadInput: when it is neither.
    """
    end = _end(text, now)
    if end > _LAST:
        raise BadInput(f"expected an end before the year 10000, got {text!r}; leave it out for a key that does not end")
    return end


def _end(text: str, now: float) -> float:
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * _SECONDS[span[2]]
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(
            f"expected a span such as 12h, 90d, 8w or 1y, or a day such as 2027-01-31, "
            f"got {text!r}; count hours, days, weeks or years"
        ) from None
    return day.timestamp() + _SECONDS["d"]
