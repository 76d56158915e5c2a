"""Whether somebody waits for the bytes of an upload."""

from __future__ import annotations

from lookalike.core.errors import BadInput, NotFound
from lookalike.ledger.base import Ledger


def is_awaited(ledger: Ledger, upload_id: str) -> bool | None:
    """Whether the bytes of an upload are still needed; None where the ledger does not know it (any more)."""
    try:
        return not ledger.upload(upload_id).state.ended
    except (NotFound, BadInput):
        return None
