"""Rows of the ledger as records, and texts that PostgreSQL keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lookalike.ledger.base import KeptReply, Upload
from lookalike.ledger.idempotency import Begun
from lookalike.ledger.storable import storable_key, upload_of
from lookalike.storage.postgres.errors import decoding

BEGUN = "body_hash, holder, begun_at, expires_at, caller, status, headers, body"
"""The columns of `begun` that make a record."""


def key_text(text: str) -> str:
    """A text that stands for this one alone: without NUL, which PostgreSQL keeps in no text, and Unicode."""
    return storable_key(text.replace("\\", "\\\\")).replace("\0", "\\0")


def upload_of_row(row: Sequence[Any]) -> Upload:
    """A row with the column `record` as an upload.

    Raises:
        StorageFailed: when it cannot be understood.
    """
    with decoding():
        return upload_of(row[0])


def begun_of_row(row: Sequence[Any]) -> Begun:
    """The columns `BEGUN` as what a key stands for.

    Raises:
        StorageFailed: when they cannot be understood.
    """
    body_hash, holder, begun_at, expires_at, caller, status, headers, body = row
    with decoding():
        reply = None
        if status is not None:
            told = {str(name): str(value) for name, value in json.loads(headers).items()}
            reply = KeptReply(int(status), told, bytes(body))
        return Begun(str(body_hash), str(holder), float(begun_at), float(expires_at), reply, str(caller))
