"""Reading a picture from standard input."""

from __future__ import annotations

import sys

from lookalike.core.errors import BadQuery


def read_standard_input(*, max_bytes: int) -> bytes:
    """All of standard input.

    Raises:
        BadQuery: when there is nothing, or more than `max_bytes`.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise BadQuery("expected a picture on standard input, but it is a terminal: lookalike search - < picture.jpg")
    data = sys.stdin.buffer.read(max_bytes + 1)
    if not data:
        raise BadQuery("expected a picture on standard input, got nothing")
    if len(data) > max_bytes:
        raise BadQuery(f"expected at most {max_bytes} bytes on standard input, got more")
    return data
