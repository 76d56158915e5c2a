"""Model files that are kept with a collection, each under its SHA-256: of its own model and of further ones.

Those that come with the install are not: they are made from it, byte for byte the same (3.8 MB for `int8`, 13.4 MB for
`fp32` and `fine`).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from lookalike.core.errors import StorageFailed
from lookalike.storage.whole_file import write_whole

_NAME = re.compile(r"([0-9a-f]{64})\.onnx")


class KeptModel(NamedTuple):
    """A model file that is kept.

    Attributes:
        model_id: the SHA-256 that its name tells.
        path: of the file.
        size_bytes: of the file.
    """

    model_id: str
    path: Path
    size_bytes: int

    def is_whole(self) -> bool:
        """Whether its bytes have that SHA-256; reads it piece by piece.

        Raises:
            OSError: when it cannot be read.
        """
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.model_id


def kept_models(folder: Path) -> list[KeptModel]:
    """All model files that are kept in a folder, sorted by id; none where there is no such folder."""
    found = [(match[1], path) for path in folder.glob("*.onnx") if (match := _NAME.fullmatch(path.name))]
    return sorted(KeptModel(model_id, path, path.stat().st_size) for model_id, path in found)


def model_path(folder: Path, model_id: str) -> Path:
    """Where a model lies, if it is kept."""
    return folder / f"{model_id}.onnx"


def keep_model(content: bytes, folder: Path, *, model_id: str) -> None:
    """Keep a model's file whole, or not at all; a damaged one is replaced. Idempotent.

    Args:
        content: of the file, whose SHA-256 is `model_id`.
        folder: made where it is missing, in one that is there.
        model_id: 64 hexadecimal digits.
    Raises:
        StorageFailed: when it cannot be kept.
    """
    target = model_path(folder, model_id)
    try:
        if not (target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == model_id):
            write_whole(target, content, within=folder.parent)
    except OSError as error:
        raise StorageFailed(
            f"the model cannot be kept in {folder}: {error.strerror or error}"
            "; make room there, or repair its permissions"
        ) from error
