"""Model files that are kept beside a collection, each under its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lookalike.core.errors import StorageFailed
from lookalike.storage.whole_file import write_whole


def kept_model(folder: Path, model_id: str) -> Path:
    """Where a model lies, if it is kept."""
    return folder / f"{model_id}.onnx"


def keep_model(content: bytes, folder: Path, *, model_id: str) -> None:
    """Keep a model's file whole, or not at all; a damaged one is replaced. Idempotent.

    Args:
        content: of the file, whose SHA-256 is `model_id`.
        folder: made where it is missing.
        model_id: 64 hexadecimal digits.
    Raises:
        StorageFailed: when it cannot be kept.
    """
    target = kept_model(folder, model_id)
    try:
        if not (target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == model_id):
            write_whole(target, content)
    except OSError as error:
        raise StorageFailed(f"the model cannot be kept in {folder}: {error.strerror or error}") from error
