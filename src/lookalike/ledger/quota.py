"""What the uploads of one owner may hold: pure, the same for every engine."""

from __future__ import annotations

from lookalike.core.errors import QuotaExceeded
from lookalike.ledger.base import Quota, Upload


def check_quota(upload: Upload, quota: Quota, *, uploads: int, size_bytes: int) -> None:
    """Whether there is room for one more upload.

    Args:
        upload: the new one.
        quota: of its owner.
        uploads: that the owner holds without it.
        size_bytes: of those.
    Raises:
        QuotaExceeded: when there is none.
    """
    if uploads < quota.uploads and size_bytes + upload.size_bytes <= quota.size_bytes:
        return
    raise QuotaExceeded(
        f"expected at most {quota.uploads} uploads of {quota.size_bytes} bytes that wait or are quarantined, got "
        f"{uploads} of {size_bytes} bytes and one of {upload.size_bytes} more: wait until they were looked at, or give "
        "some up",
        values={
            "limit": quota.uploads,
            "limit_bytes": quota.size_bytes,
            "held": uploads,
            "held_bytes": size_bytes,
            "got_bytes": upload.size_bytes,
        },
    )
