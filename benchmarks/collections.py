"""Collections of given vectors, for questions that need no pictures."""

from __future__ import annotations

import hashlib

import numpy as np

from lookalike.collection import Collection
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Vectors

_AT_ONCE = 20_000


def fill(collection: Collection, vectors: Vectors, *, numbered: bool) -> None:
    """Put vectors into the catalog of a new collection, as those of pictures in files.

    Args:
        collection: an empty one.
        vectors: shape (N, D), of its model's width.
        numbered: whether picture `n` has the metadata `{"n": n}`, or none.
    """
    catalog = collection._parts.catalog  # pictures without pixels cannot be had by anything public
    for start in range(0, len(vectors), _AT_ONCE):
        halves = vectors[start : start + _AT_ONCE].astype(np.float16)
        numbers = range(start, start + len(halves))
        images = [
            ImageRecord(id_of(n), 640, 480, "jpeg", 100_000, metadata={"n": n} if numbered else {}) for n in numbers
        ]
        files = [FileRecord(f"/photos/{n // 1000}/{n}.jpg", id_of(n), 100_000, 1) for n in numbers]
        with catalog.transaction() as transaction:
            transaction.put_images(images, halves)
            transaction.put_files(files)


def id_of(n: int) -> str:
    """The id of picture `n` of `fill`."""
    return hashlib.sha256(f"{n}".encode()).hexdigest()
