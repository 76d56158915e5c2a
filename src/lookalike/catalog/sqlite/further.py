"""Further models and their vectors: each function is a few statements on a connection that sees one state."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from lookalike.catalog.base import FurtherModel, StoredVectors
from lookalike.catalog.sqlite.errors import decoding
from lookalike.catalog.sqlite.reading import AMONG, keys_as_array, setting, stack_vectors
from lookalike.catalog.storable import check_further_model, no_such_model, storable_vectors
from lookalike.core.vectors import HalfVectors, Keys
from lookalike.storage.sqlite.errors import DamagedRow

_PUT = """
    INSERT INTO model_vectors (key, model, vector)
    SELECT key, ?, ? FROM images WHERE key = ? AND NOT removed
    ON CONFLICT (model, key) DO UPDATE SET vector = excluded.vector"""


def models(connection: sqlite3.Connection) -> list[FurtherModel]:
    """All of them, sorted by name."""
    rows = connection.execute("SELECT name, model_id, dimension, count FROM further_models").fetchall()
    if not all(isinstance(name, str) and isinstance(model_id, str) for name, model_id, *_ in rows):
        raise DamagedRow("the names and ids of further models should be text, but are not")
    if not all(isinstance(number, int) for row in rows for number in row[2:]):
        raise DamagedRow("the dimensions and counts of further models should be whole numbers, but are not")
    return sorted((FurtherModel(*row) for row in rows), key=lambda one: one.name)


def vectors_of(connection: sqlite3.Connection, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
    """Vectors by key.

    Args:
        connection: to read with.
        name: of the further model.
        keys: shape (M,), int64, or as many numbers.
    """
    model, dimension = find_model(connection, name)
    rows = connection.execute(
        f"SELECT key, vector FROM model_vectors WHERE model = ? AND key {AMONG} ORDER BY key", (model, _json(keys))
    )
    return stack_vectors(rows.fetchall(), dimension)


def vectors_after(connection: sqlite3.Connection, name: str, key: int, limit: int) -> StoredVectors:
    """Vectors in the order of their keys, from behind `key` on."""
    model, dimension = find_model(connection, name)
    rows = connection.execute(
        "SELECT key, vector FROM model_vectors WHERE model = ? AND key > ? ORDER BY key LIMIT ?", (model, key, limit)
    )
    return stack_vectors(rows.fetchall(), dimension, after=key)


def keys_without(connection: sqlite3.Connection, name: str, after: int, limit: int) -> Keys:
    """Keys of pictures that lack a vector, shape (M,), int64, ascending, at most `limit`, after `after`."""
    model, _ = find_model(connection, name)
    rows = connection.execute(
        "SELECT i.key FROM images i WHERE NOT i.removed AND i.key > ?"
        " AND NOT EXISTS (SELECT 1 FROM model_vectors v WHERE v.model = ? AND v.key = i.key)"
        " ORDER BY i.key LIMIT ?",
        (after, model, limit),
    )
    return keys_as_array(rows)


def add(connection: sqlite3.Connection, name: str, model_id: str, dimension: int) -> None:
    """Add a model; see `Catalog.add_further_model`."""
    with decoding():
        own = setting(connection, "model_id", "")
        if check_further_model(name, model_id, dimension, own_model_id=own, there=models(connection)):
            connection.execute(
                "INSERT INTO further_models (name, model_id, dimension, count) VALUES (?, ?, ?, 0)",
                (name, model_id, dimension),
            )


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Forget a model and its vectors."""
    with decoding():
        model, _ = find_model(connection, name)
        connection.execute("DELETE FROM model_vectors WHERE model = ?", (model,))
        connection.execute("DELETE FROM projections WHERE model = ?", (model,))
        connection.execute("DELETE FROM further_models WHERE number = ?", (model,))


def put_vectors(connection: sqlite3.Connection, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
    """Keep vectors; see `Transaction.put_model_vectors`.

    Args:
        connection: within a transaction.
        name: of the further model.
        keys: shape (N,), int64, or as many numbers.
        vectors: shape (N, D), float16.
    """
    with decoding():
        model, dimension = find_model(connection, name)
        halves = storable_vectors(vectors, count=len(keys), dimension=dimension)
        rows = ((model, half.tobytes(), int(key)) for key, half in zip(keys, halves, strict=True))
        connection.executemany(_PUT, rows)
        (there,) = connection.execute(
            f"SELECT count(*) FROM images WHERE NOT removed AND key {AMONG}", (_json(keys),)
        ).fetchone()
    return int(there)


def remove_vectors(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Remove the vectors of pictures, of all models."""
    connection.execute(
        f"DELETE FROM model_vectors WHERE model IN (SELECT number FROM further_models) AND key {AMONG}", (_json(keys),)
    )


def find_model(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    """Number and dimension of a model.

    Raises:
        BadInput: when there is none of that name.
    """
    row = connection.execute("SELECT number, dimension FROM further_models WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_such_model(name, models(connection))
    if not isinstance(row[1], int):
        raise DamagedRow("the dimension of a further model should be a whole number, but is not")
    return row[0], row[1]


def _json(keys: Sequence[int] | Keys) -> str:
    return json.dumps([int(key) for key in keys])
