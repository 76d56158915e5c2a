"""Reading a picture from standard input."""

from __future__ import annotations

import sys

from lookalike.core.errors import BadQuery


def read_standard_input(*, max_bytes: int) -> bytes:
    """All of standard input.

    Raises:
        BadQuery: when there is nothing, or more than `max_bytes`.
    """
    source = getattr(sys.stdin, "buffer", None)
    if source is None or source.closed:
        raise BadQuery("expected a picture on standard input, but there is none; run lookalike search - < picture.jpg")
    if source.isatty():
        raise BadQuery(
            "expected a picture on standard input, but it is a terminal; run lookalike search - < picture.jpg"
        )
    try:
        data = bytes(source.read(max_bytes + 1))
    except OSError as error:
        raise BadQuery(
            f"standard input cannot be read: {error.strerror or error}; give the path of a file instead"
        ) from error
    if not data:
        raise BadQuery(
            "expected a picture on standard input, got nothing"
            "; look at the program before the pipe, or give the path of a file"
        )
    if len(data) > max_bytes:
        raise BadQuery(
            f"expected at most {max_bytes} bytes on standard input, got more"
            "; scale the picture down, or raise max_bytes (with --max-bytes)"
        )
    return data
