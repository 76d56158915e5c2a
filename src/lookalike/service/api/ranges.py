"""Which bytes of a file a request asks for (RFC 9110, section 14): one range, or else all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from starlette.exceptions import HTTPException

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class ByteRange(NamedTuple):
    """A range that can be given.

    Attributes:
        first: the first byte, counted from 0.
        size_bytes: at least 1.
    """

    first: int
    size_bytes: int

    def content_range(self, total_bytes: int) -> str:
        """The header that says which it is."""
        return f"bytes {self.first}-{self.first + self.size_bytes - 1}/{total_bytes}"


def parse_range(headers: Mapping[str, str], *, etag: str, total_bytes: int) -> ByteRange | None:
    """The range that is asked for; None for all: also where several are asked for, or none is understood.

    Args:
        headers: of the request, by names in lower case.
        etag: of the file, in quotes. A range of another version (`If-Range`) is answered with all.
        total_bytes: of the file.
    Raises:
        HTTPException: 416, when the range lies behind the end.
    """
    asked = _ONE_RANGE.fullmatch(headers.get("range", ""))
    if asked is None or asked.groups() == ("", "") or headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first:
        size_bytes = min(int(last), total_bytes)
        start = total_bytes - size_bytes
    else:
        start = int(first)
        end = int(last) if last else total_bytes - 1
        if last and end < start:
            return None
        size_bytes = min(end, total_bytes - 1) - start + 1
    if size_bytes <= 0:
        raise HTTPException(
            416,
            f"expected a range within the {total_bytes} bytes of the file, got {headers['range'][:80]!r}; leave "
            "Range out to have it as a whole",
            headers={"Content-Range": f"bytes */{total_bytes}"},
        )
    return ByteRange(start, size_bytes)
