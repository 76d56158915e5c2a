"""Rows of vectors as PostgreSQL's binary COPY takes them: a key, a halfvec, and a document in jsonb."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from lookalike.core.vectors import HalfVectors, Keys

BEGINNING = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)

_ABSENT = struct.pack(">i", -1)
_JSONB_VERSION = b"\x01"
_AT_ONCE = 256


def encode_rows(keys: Keys, vectors: HalfVectors, documents: Mapping[int, bytes]) -> Iterator[bytes]:
    """The whole of a COPY in pieces; see "Binary Format" of COPY in PostgreSQL's manual.

    Args:
        keys: shape (N,), int64.
        vectors: shape (N, d), float16; row n belongs to `keys[n]`.
        documents: JSON in UTF-8, by key; those of keys that are not among `keys` are rows without a vector.
    """
    yield BEGINNING
    head = struct.pack(">hh", vectors.shape[1], 0)
    rows = vectors.astype(">f2")
    numbers = keys.tolist()
    for start in range(0, len(numbers), _AT_ONCE):
        some = range(start, min(start + _AT_ONCE, len(numbers)))
        yield b"".join(_row(numbers[n], head + rows[n].tobytes(), documents.get(numbers[n])) for n in some)
    others = np.setdiff1d(np.array(list(documents), np.int64), keys).tolist()
    yield b"".join(_row(key, None, documents[key]) for key in others)
    yield END


def _row(key: int, vector: bytes | None, document: bytes | None) -> bytes:
    jsonb = None if document is None else _JSONB_VERSION + document
    return struct.pack(">hiq", 3, 8, key) + _field(vector) + _field(jsonb)


def _field(value: bytes | None) -> bytes:
    return _ABSENT if value is None else struct.pack(">i", len(value)) + value
