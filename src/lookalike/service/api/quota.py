"""How much the uploads of one caller may hold, as it is set."""

from __future__ import annotations

from lookalike.ledger.base import Quota
from lookalike.service.context import Service


def quota_of(service: Service) -> Quota:
    """The same for every caller."""
    return Quota(service.settings.upload_quota, service.settings.upload_quota_bytes)
