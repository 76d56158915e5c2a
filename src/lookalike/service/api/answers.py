"""Replies as JSON, pages of lists, times."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from lookalike.service.problems import InvalidBody
from lookalike.service.threads import Threads

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply; see `json_bytes`."""
    return Response(json_bytes(value), status, headers, media_type="application/json")


async def answer_aside(make: Callable[[], Any], threads: Threads, *, deadline: float | None = None) -> Response:
    """A JSON reply of what `make` gives, both made on a thread: for what takes more than a moment."""
    content = await threads.run(lambda: json_bytes(make()), deadline=deadline)
    return Response(content, media_type="application/json")


def json_bytes(value: Any) -> bytes:
    """As JSON. What is no UTF-8, such as half of a surrogate pair in a metadata field, is replaced.

    Numbers come as they are, however long.
    """
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_clean(value), option=_OPTIONS)


def _clean(value: Any) -> Any:
    """The same with texts that UTF-8 can hold, and with numbers of more than 64 bits written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(name): _clean(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return orjson.Fragment(str(value))
    return value


def page(data: list[Any], *, next_cursor: str | None) -> dict[str, Any]:
    """A part of a list."""
    return {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}


def cursor_of(text: str) -> str:
    """A cursor that nobody takes for something to count with."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> str:
    """What `cursor_of` was given; '' for None.

    Raises:
        InvalidBody: when it is no cursor.
    """
    if cursor is None:
        return ""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidBody(
            [
                {
                    "where": "query.cursor",
                    "detail": "expected a cursor of an earlier page, got something else; leave it out for the "
                    "first one",
                }
            ]
        ) from None


def time_text(seconds: float) -> str:
    """Unix time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
