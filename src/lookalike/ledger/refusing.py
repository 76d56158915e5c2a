"""What is refused of uploads, the same for every engine."""

from __future__ import annotations

from collections.abc import Collection as Several

from lookalike.core.errors import Conflict, NotFound
from lookalike.ledger.base import UploadState


def no_upload(upload_id: str) -> NotFound:
    """The error for an upload that is not there."""
    return NotFound(f"there is no upload {upload_id!r} (any more); begin a new one")


def upload_there(upload_id: str) -> Conflict:
    """The error for a second upload of one id."""
    return Conflict(
        f"expected an id of its own for the upload, but there is an upload {upload_id!r} already; begin another"
    )


def check_state(upload_id: str, state: UploadState, *, only_from: Several[UploadState]) -> None:
    """See that an upload stands so that it may be changed.

    Raises:
        Conflict: `upload_state`, when it does not.
    """
    if state not in only_from:
        expected = " or ".join(sorted(only_from)) or "in no state"
        raise Conflict(
            f"expected an upload that is {expected}, but {upload_id!r} is {state} already; read how it stands, or "
            "begin another upload",
            code="upload_state",
        )
