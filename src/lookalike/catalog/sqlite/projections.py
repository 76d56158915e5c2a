"""Projections: each function is a few statements on a connection that sees one state."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import MAIN, PROJECTIONS_KEPT
from lookalike.catalog.sqlite import further
from lookalike.catalog.sqlite.errors import decoding
from lookalike.catalog.sqlite.reading import number_setting
from lookalike.catalog.storable import projection_conflict, storable_projection
from lookalike.core.stored_projection import StoredProjection
from lookalike.storage.sqlite.errors import DamagedRow

_COLUMNS = "version, mean, components, learnt_from, learnt_at, sha256"


def newest_version(connection: sqlite3.Connection, model: str) -> int:
    """The number of a model's newest projection; 0 where there is none."""
    number, _ = _model(connection, model)
    (version,) = connection.execute(
        "SELECT coalesce(max(version), 0) FROM projections WHERE model = ?", (number,)
    ).fetchone()
    if not isinstance(version, int):
        raise DamagedRow("the version of a projection should be a whole number, but is not")
    return version


def projection(connection: sqlite3.Connection, model: str, version: int | None) -> StoredProjection | None:
    """A model's projection, the newest where no version is named; None where there is none."""
    number, dimension = _model(connection, model)
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM projections WHERE model = ? AND version = coalesce(?, version)"
        " ORDER BY version DESC LIMIT 1",
        (number, version),
    ).fetchone()
    return None if row is None else _understood(row, dimension)


def put(connection: sqlite3.Connection, new: StoredProjection, *, after: int, model: str) -> int:
    """Add a version behind the newest, which must be `after`; see `Transaction.put_projection`."""
    with decoding():
        number, dimension = _model(connection, model)
        stored = storable_projection(new, dimension=dimension)
        newest = newest_version(connection, model)
        if newest != after:
            raise projection_conflict(after, newest)
        mean, components = stored.mean.tobytes(), stored.components.tobytes()
        connection.execute(
            f"INSERT INTO projections (model, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, after + 1, mean, components, stored.learnt_from, stored.learnt_at, _digest(mean, components)),
        )
        connection.execute(
            "DELETE FROM projections WHERE model = ? AND version <= ?", (number, after + 1 - PROJECTIONS_KEPT)
        )
    return after + 1


def damaged_versions(connection: sqlite3.Connection) -> int:
    """How many projections are not as they were written."""
    rows = connection.execute("SELECT mean, components, sha256 FROM projections")
    return sum(1 for mean, components, digest in rows if _digest(mean, components) != digest)


def _model(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    """Number, 0 for the collection's own, and dimension of a model."""
    if name == MAIN:
        return 0, number_setting(connection, "dimension")
    return further.find_model(connection, name)


def _understood(row: tuple[object, ...], dimension: int) -> StoredProjection:
    version, mean, components, learnt_from, learnt_at, digest = row
    if not isinstance(mean, bytes) or not isinstance(components, bytes) or _digest(mean, components) != digest:
        raise DamagedRow("a projection is not as it was written")
    if not isinstance(version, int) or not isinstance(learnt_from, int) or not isinstance(learnt_at, int | float):
        raise DamagedRow("the numbers of a projection should be numbers, but are not")
    if dimension == 0 or len(mean) != 4 * dimension or len(components) % (4 * dimension):
        raise DamagedRow(f"a projection should be of vectors {dimension} wide, but is not")
    stored = StoredProjection(
        mean=np.frombuffer(mean, "<f4").astype(np.float32),
        components=np.frombuffer(components, "<f4").astype(np.float32).reshape(dimension, -1),
        learnt_from=learnt_from,
        learnt_at=float(learnt_at),
    )
    return replace(stored, version=version)


def _digest(mean: object, components: object) -> str:
    if not isinstance(mean, bytes) or not isinstance(components, bytes):
        return ""
    return hashlib.sha256(mean + components).hexdigest()
