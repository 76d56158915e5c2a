"""Whether a database can have the indexes, looked at before anything is made there."""

from __future__ import annotations

from functools import partial

from lookalike.index.pgvector.database import TABLES
from lookalike.index.pgvector.extension import check_extension_can_come
from lookalike.storage.postgres.address import shown_url
from lookalike.storage.postgres.checking import check_database


def check_vectors(url: str) -> list[str]:
    """Connect once, and look; as `check_database`. Who only searches may have a role that only reads."""
    return check_database(url, [TABLES], only_read=True, look=partial(check_extension_can_come, place=shown_url(url)))
