"""Vectors as they are searched, written out once, so that a build that goes through them several times reads a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.core.errors import StorageFailed
from lookalike.core.vectors import Keys, Vectors
from lookalike.storage.private import make_private
from lookalike.storage.syncing import sync
from lookalike.storage.whole_file import write_whole

_DONE = "laid_out.json"
_AT_ONCE = 16_384


class LaidOutVectors(NamedTuple):
    """Keys and vectors, as memory maps.

    Attributes:
        keys: shape (N,), int64, ascending.
        vectors: shape (N, D), float32.
    """

    keys: Keys
    vectors: Vectors

    def batches(self) -> Iterator[tuple[Keys, Vectors]]:
        """All of them, in pieces: keys, shape (n,), int64, and vectors, shape (n, D), float32."""
        for start in range(0, len(self.keys), _AT_ONCE):
            yield self.keys[start : start + _AT_ONCE], np.asarray(self.vectors[start : start + _AT_ONCE])


def lay_out_vectors(
    batches: Callable[[], Iterable[tuple[Keys, Vectors]]], folder: Path, *, subject: str, dimension: int
) -> LaidOutVectors:
    """Write vectors into files, or take those that an earlier run wrote whole of the same subject.

    Args:
        batches: keys, ascending, and vectors of shape (n, D), float32.
        folder: made if it is missing.
        subject: names the vectors.
        dimension: D.
    Raises:
        StorageFailed: when the disk is full or fails.
    """
    try:
        make_private(folder, within=folder.parent.parent)
        count = _whole(folder, subject, dimension)
        if count is None:
            (folder / _DONE).unlink(missing_ok=True)
            count = _write(batches(), folder)
            write_whole(folder / _DONE, json.dumps({"subject": subject, "count": count}).encode())
    except OSError as error:
        raise StorageFailed(
            f"vectors cannot be laid out in {folder}: {error.strerror or error}"
            "; make room there, or repair its permissions"
        ) from error
    if not count:
        return LaidOutVectors(np.empty(0, np.int64), np.empty((0, dimension), np.float32))
    keys = np.memmap(folder / "keys.bin", np.int64, "r", shape=(count,))
    return LaidOutVectors(keys, np.memmap(folder / "vectors.bin", np.float32, "r", shape=(count, dimension)))


def _write(batches: Iterable[tuple[Keys, Vectors]], folder: Path) -> int:
    count = 0
    with (folder / "keys.bin").open("wb") as keys_file, (folder / "vectors.bin").open("wb") as vectors_file:
        for keys, vectors in batches:
            keys.astype(np.int64).tofile(keys_file)
            vectors.astype(np.float32).tofile(vectors_file)
            count += len(keys)
    for name in ("keys.bin", "vectors.bin"):
        sync(folder / name)
    return count


def _whole(folder: Path, subject: str, dimension: int) -> int | None:
    """How many vectors there are, where they were written whole and are of this subject."""
    try:
        done = json.loads((folder / _DONE).read_text("utf-8"))
        count = int(done["count"])
        sizes = (folder / "keys.bin").stat().st_size, (folder / "vectors.bin").stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return count if (done["subject"], *sizes) == (subject, 8 * count, 4 * dimension * count) else None
