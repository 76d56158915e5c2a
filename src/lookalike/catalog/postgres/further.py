"""Further models and their vectors: each function is a few statements that see one state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lookalike.catalog.base import FurtherModel, StoredVectors
from lookalike.catalog.postgres import tallies
from lookalike.catalog.postgres.reading import possible_keys, stack_vectors
from lookalike.catalog.storable import no_such_model
from lookalike.core.vectors import HalfVectors, Keys
from lookalike.storage.postgres.session import Session

_PUT = """
    INSERT INTO ours.model_vectors (model, key, vector)
    SELECT %s, g.key, g.vector FROM unnest(%s::bigint[], %s::bytea[]) AS g (key, vector)
    JOIN ours.images i ON i.key = g.key AND NOT i.removed ORDER BY g.key
    ON CONFLICT (model, key) DO UPDATE SET vector = excluded.vector
    RETURNING key, xmax = 0"""
_WITHOUT = """
    SELECT i.key FROM ours.images i WHERE NOT i.removed AND i.key > %s
    AND NOT EXISTS (SELECT 1 FROM ours.model_vectors v WHERE v.model = %s AND v.key = i.key)
    ORDER BY i.key LIMIT %s"""


def models(session: Session, extra: Counter[str] | None = None) -> list[FurtherModel]:
    """All of them, sorted by name; `extra` is what a transaction has added so far."""
    rows = session.rows("SELECT number, name, model_id, dimension FROM ours.further_models ORDER BY name")
    counted = tallies.sums(session, tuple(f"{tallies.MODEL}{row[0]}" for row in rows), extra) if rows else Counter()
    return [
        FurtherModel(name, model_id, dimension, counted[f"{tallies.MODEL}{number}"])
        for number, name, model_id, dimension in rows
    ]


def vectors_of(session: Session, name: str, keys: Sequence[int]) -> StoredVectors:
    """Vectors by key."""
    model, dimension = find_model(session, name)
    rows = session.rows(
        "SELECT key, vector FROM ours.model_vectors WHERE model = %s AND key = ANY(%s::bigint[]) ORDER BY key",
        (model, possible_keys(keys)),
        binary=True,
    )
    return stack_vectors(rows, dimension)


def vectors_after(session: Session, name: str, key: int, limit: int) -> StoredVectors:
    """Vectors in the order of their keys, from behind `key` on."""
    model, dimension = find_model(session, name)
    rows = session.rows(
        "SELECT key, vector FROM ours.model_vectors WHERE model = %s AND key > %s ORDER BY key LIMIT %s",
        (model, key, limit),
        binary=True,
    )
    return stack_vectors(rows, dimension)


def keys_without(session: Session, name: str, after: int, limit: int) -> Keys:
    """Keys of pictures that lack a vector, shape (M,), int64, ascending, at most `limit`, after `after`."""
    model, _ = find_model(session, name)
    return np.array([key for (key,) in session.rows(_WITHOUT, (after, model, limit))], dtype=np.int64)


def add(session: Session, name: str, model_id: str, dimension: int) -> None:
    """Add a model."""
    session.change(
        "INSERT INTO ours.further_models (name, model_id, dimension) VALUES (%s, %s, %s)", (name, model_id, dimension)
    )


def drop(session: Session, name: str) -> tuple[int, int]:
    """Forget a model and its vectors; its number, and how many vectors there were."""
    model, _ = find_model(session, name)
    count = session.change("DELETE FROM ours.model_vectors WHERE model = %s", (model,))
    session.change("DELETE FROM ours.projections WHERE model = %s", (model,))
    session.change("DELETE FROM ours.further_models WHERE number = %s", (model,))
    return model, count


def put_vectors(session: Session, model: int, vectors: dict[int, HalfVectors]) -> tuple[int, int]:
    """Keep vectors.

    Args:
        session: within a transaction.
        model: number of the further model.
        vectors: by key, each of shape (D,), float16, little-endian.
    Returns:
        of how many pictures that are there, and of how many for the first time.
    """
    rows = session.rows(_PUT, (model, list(vectors), [half.tobytes() for half in vectors.values()]))
    return len(rows), sum(is_new for _, is_new in rows)


def remove_vectors(session: Session, keys: Sequence[int]) -> Counter[int]:
    """Remove the vectors of pictures, of all models; how many, by number of the model."""
    rows = session.rows(
        "DELETE FROM ours.model_vectors WHERE key = ANY(%s::bigint[]) AND model = ANY(ARRAY("
        "SELECT number FROM ours.further_models)) RETURNING model",
        (list(keys),),
    )
    return Counter(model for (model,) in rows)


def find_model(session: Session, name: str) -> tuple[int, int]:
    """Number and dimension of a model.

    Raises:
        BadInput: when there is none of that name.
    """
    row = session.first("SELECT number, dimension FROM ours.further_models WHERE name = %s", (name,))
    if row is None:
        raise no_such_model(name, models(session))
    return row[0], row[1]
