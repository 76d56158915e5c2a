"""What can be kept: JSON and Unicode text, and jobs as rows of these, the same for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lookalike.core.errors import BadInput
from lookalike.core.records import Json
from lookalike.jobs.base import Job, JobState

_LONGEST_DETAIL = 2_000


def json_text(value: Json | Mapping[str, Json]) -> str:
    """Compact ASCII JSON.

    Raises:
        BadInput: when it is no JSON: of another type, not finite, or too deep.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"expected JSON for a job, got something else ({error}): leave out what is none") from error


def json_copy(value: Json | Mapping[str, Json]) -> Any:
    """A copy that shares nothing, as it comes back from any engine.

    Raises:
        BadInput: as in `json_text`.
    """
    return json.loads(json_text(value))


def job_fields(job: Job) -> dict[str, Any]:
    """A job as the columns of a row, but for its payload, which is large and does not change."""
    return {
        "id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "owner": job.owner,
        "state": str(job.state),
        "attempts": job.attempts,
        "postponed": job.postponed,
        "lease": job.lease,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "available_at": job.available_at,
        "result": json_text(job.result),
        "code": job.code,
        "detail": job.detail,
    }


def job_of_fields(fields: Any, *, payload: str) -> Job:
    """What `job_fields` was given.

    Args:
        fields: with `keys()`, by name; events of earlier versions lack two of them.
        payload: JSON.
    Raises:
        ValueError, TypeError, KeyError: when it is something else.
    """
    names = fields.keys()
    return Job(
        id=str(fields["id"]),
        kind=str(fields["kind"]),
        collection=str(fields["collection"]),
        payload=dict(json.loads(payload)),
        owner=str(fields["owner"]),
        state=JobState(fields["state"]),
        attempts=int(fields["attempts"]),
        postponed=int(fields["postponed"]) if "postponed" in names else 0,
        lease=int(fields["lease"]) if "lease" in names else 0,
        created_at=float(fields["created_at"]),
        updated_at=float(fields["updated_at"]),
        available_at=float(fields["available_at"]),
        result=json.loads(fields["result"]),
        code=str(fields["code"]),
        detail=str(fields["detail"]),
    )


def check_job(*words: str, payload: Mapping[str, Json]) -> Mapping[str, Json]:
    """Look at what is to be put in before anything is begun.

    Args:
        words: its kind, its collection and whatever else is text.
        payload: what its handler needs.
    Returns:
        the payload, copied as in `json_copy`.
    Raises:
        BadInput: when a word is no Unicode text, such as a file's name with stray bytes, or has a NUL, which not every
            database keeps; when the payload is no JSON.
    """
    for word in words:
        if printable(word) != word:
            raise BadInput(f"expected Unicode text without NUL for a job, got {word!r}: leave out what is none")
    copied: Mapping[str, Json] = json_copy(payload)
    return copied


def printable(text: str) -> str:
    """The text with what is no Unicode, and NUL, shown by escapes, so that an error's message can always be kept."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def storable_detail(text: str) -> str:
    """The detail of an error: printable, and cut where it is longer than anybody reads."""
    return printable(text[:_LONGEST_DETAIL])
