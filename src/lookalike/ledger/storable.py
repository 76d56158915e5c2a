"""Uploads and replies as JSON, the same for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lookalike.core.errors import BadInput
from lookalike.ledger.base import KeptReply, Upload, UploadState

KEPT_ENDED_S = 7 * 24 * 3600.0
KEPT_QUARANTINED_S = 30 * 24 * 3600.0
"""As long as their bytes, which count against a quota."""
LEASE_S = 30.0
"""How long what was begun, or renewed, keeps others waiting, in seconds; then it counts as abandoned."""

_FIELDS = [one.name for one in fields(Upload)]


def upload_json(upload: Upload) -> str:
    """An upload as compact ASCII JSON.

    Raises:
        BadInput: when its metadata are no JSON.
    """
    try:
        return json.dumps({name: getattr(upload, name) for name in _FIELDS}, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"expected JSON as the metadata of an upload, got something else: {error}; convert what is none to a text"
        ) from error


def upload_of(text: str) -> Upload:
    """What `upload_json` was given.

    Raises:
        ValueError, TypeError, KeyError: when it is something else.
    """
    said: dict[str, Any] = json.loads(text)
    return Upload(**{**said, "state": UploadState(said["state"])})


def headers_json(headers: Mapping[str, str]) -> str:
    """Headers of a reply as compact ASCII JSON."""
    return json.dumps(dict(headers), separators=(",", ":"))


def reply_bytes(reply: KeptReply) -> int:
    """How much of a quota a reply takes, in bytes."""
    return len(reply.body) + len(headers_json(reply.headers))


def storable_key(text: str) -> str:
    """The text, or, where it is no Unicode text, one that is and that stands for it alone."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
