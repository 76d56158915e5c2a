"""When a picture was taken, in the forms in which cameras, scanners and editors write it.

A clock's own time counts: zones and offsets are left out. A file's name and its time of change are no dates of a
picture: they tell when it was saved, sent or copied, or what somebody guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EARLIEST_YEAR = 1826
"""Of the oldest photograph that is left: an earlier one is that of a clock that was never set."""

_UNSET = frozenset({datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1)})  # zeros, as systems count from
_LONGEST = 64
_SEPARATED = re.compile(
    r"(\d{4})(?:[-:/.](\d{1,2})(?:[-:/.](\d{1,2})(?:[T ]+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?)?)?)?"
    r"(?:[.,]\d+)?(?: ?(?P<half>[AP]M))?(?: ?(?:Z|UTC|[+-]\d{1,2}(?::?\d{2})?))?",
    re.IGNORECASE,
)
_TOGETHER = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?")


def read_date(text: str) -> str | None:
    """A date in any usual writing, as `YYYY-MM-DDTHH:MM:SS`; None where it is none, or cannot be.

    What is not said begins what is: `2024-05` is the first second of that month.
    """
    line = " ".join(text.replace("\0", " ").split())
    if not line or len(line) > _LONGEST:
        return None
    parts = _parts(line)
    if parts is None:
        return None
    try:
        year, month, day, hour, minute, second = parts
        is_next_day = (hour, minute, second) == (24, 0, 0)
        # a leap second counts as the one before
        moment = datetime(year, month, day, 0 if is_next_day else hour, minute, min(second, 59))
        moment += timedelta(days=is_next_day)
    except (OverflowError, ValueError):
        return None
    is_unset = moment in _UNSET and ":" in line
    if is_unset or not _EARLIEST_YEAR <= moment.year <= datetime.now(UTC).year + 1:
        return None
    return moment.isoformat()


def _parts(line: str) -> tuple[int, int, int, int, int, int] | None:
    match = _TOGETHER.fullmatch(line) or _SEPARATED.fullmatch(line)
    if match is not None:
        year, month, day, hour, minute, second = (
            int(part or least) for part, least in zip(match.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True)
        )
        half = (match.groupdict().get("half") or "").upper()  # of the day, where a clock has twelve hours
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "PM" else 0)
        return year, month, day, hour, minute, second
    from email.utils import parsedate  # slow to import, for what few write

    spoken = parsedate(line)  # as in letters: Wed, 01 May 2024 12:00:00 +0200
    return None if spoken is None else spoken[:6]


_XMP_NAMES = (b"DateTimeOriginal", b"DateCreated", b"DateTimeDigitized", b"CreateDate")
_XMP_VALUE = rb":%s(?:\s{0,9}=\s{0,9}[\"']([^\"'<]{4,40})[\"']|[^<>]{0,200}>\s{0,99}([^<]{4,40})<)"
_XMP_PATTERNS = tuple(re.compile(_XMP_VALUE % name) for name in _XMP_NAMES)
_MOST_XMP_BYTES = 1_000_000


def date_in_xmp(packet: bytes | None) -> str | None:
    """The date in an XMP packet: the original's, else its creation. Never raises, whatever the bytes are."""
    for pattern in _XMP_PATTERNS if packet else ():
        for match in pattern.finditer((packet or b"")[:_MOST_XMP_BYTES]):
            if (date := read_date((match[1] or match[2]).decode("ascii", "replace"))) is not None:
                return date
    return None


_IPTC_DATE, _IPTC_TIME = 55, 60
_MOST_RECORDS = 500


def date_in_iptc(block: bytes | None) -> str | None:
    """The creation date of the IPTC records (IIM 4.2, 2:55 and 2:60) in a block. Never raises."""
    fields: dict[int, str] = {}
    at = (block or b"").find(b"\x1c\x02")
    for _ in range(_MOST_RECORDS if block and at >= 0 else 0):
        if block is None or block[at : at + 1] != b"\x1c" or at + 5 > len(block):
            break
        length = int.from_bytes(block[at + 3 : at + 5], "big")
        if block[at + 1] == 2:
            fields.setdefault(block[at + 2], block[at + 5 : at + 5 + min(length, _LONGEST)].decode("ascii", "replace"))
        at += 5 + length
    day, time = fields.get(_IPTC_DATE, ""), fields.get(_IPTC_TIME, "")
    return (read_date(f"{day}T{time}") or read_date(day)) if day else None
