"""What can be kept: JSON and Unicode text, the same for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lookalike.core.errors import BadInput
from lookalike.core.records import Json

_LONGEST_DETAIL = 2_000


def json_text(value: Json | Mapping[str, Json]) -> str:
    """Compact ASCII JSON.

    Raises:
        BadInput: when it is no JSON: of another type, not finite, or too deep.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"expected JSON for the queue, got something else: {error}") from error


def json_copy(value: Json | Mapping[str, Json]) -> Any:
    """A copy that shares nothing, as it comes back from any engine.

    Raises:
        BadInput: as in `json_text`.
    """
    return json.loads(json_text(value))


def checked_word(text: str) -> str:
    """The text itself.

    Raises:
        BadInput: when it is no Unicode text, such as a file's name with stray bytes.
    """
    if printable(text) != text:
        raise BadInput(f"expected Unicode text for the queue, got {text!r}")
    return text


def printable(text: str) -> str:
    """The text with what is no Unicode shown by escapes, so that an error's message can always be kept."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def storable_detail(text: str) -> str:
    """The detail of an error: printable, and cut where it is longer than anybody reads."""
    return printable(text[:_LONGEST_DETAIL])
