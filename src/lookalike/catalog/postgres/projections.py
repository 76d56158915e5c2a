"""Projections: each function is a few statements that see one state."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import MAIN, PROJECTIONS_KEPT
from lookalike.catalog.postgres import further
from lookalike.catalog.storable import projection_conflict, storable_projection
from lookalike.core.errors import CatalogDamaged
from lookalike.core.stored_projection import StoredProjection
from lookalike.storage.postgres.session import Row, Session

_COLUMNS = "version, mean, components, learnt_from, learnt_at, sha256"


def newest_version(session: Session, model: str) -> int:
    """The number of a model's newest projection; 0 where there is none."""
    number, _ = _model(session, model)
    return int(session.one("SELECT coalesce(max(version), 0) FROM ours.projections WHERE model = %s", (number,))[0])


def projection(session: Session, model: str, version: int | None) -> StoredProjection | None:
    """A model's projection, the newest where no version is named; None where there is none."""
    number, dimension = _model(session, model)
    rows = session.rows(
        f"SELECT {_COLUMNS} FROM ours.projections WHERE model = %s AND version = coalesce(%s::integer, version)"
        " ORDER BY version DESC LIMIT 1",
        (number, version),
        binary=True,
    )
    return _understood(rows[0], dimension) if rows else None


def put(session: Session, new: StoredProjection, *, after: int, model: str) -> int:
    """Add a version behind the newest, which must be `after`; see `Transaction.put_projection`."""
    number, dimension = _model(session, model)
    stored = storable_projection(new, dimension=dimension)
    newest = newest_version(session, model)
    if newest != after:
        raise projection_conflict(after, newest)
    mean, components = stored.mean.tobytes(), stored.components.tobytes()
    session.change(
        f"INSERT INTO ours.projections (model, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (number, after + 1, mean, components, stored.learnt_from, stored.learnt_at, _digest(mean, components)),
    )
    session.change(
        "DELETE FROM ours.projections WHERE model = %s AND version <= %s", (number, after + 1 - PROJECTIONS_KEPT)
    )
    return after + 1


def damaged_versions(session: Session) -> int:
    """How many projections are not as they were written."""
    rows = session.rows("SELECT mean, components, sha256 FROM ours.projections", binary=True)
    return sum(1 for mean, components, digest in rows if _digest(mean, components) != digest)


def _model(session: Session, name: str) -> tuple[int, int]:
    """Number, 0 for the collection's own, and dimension of a model."""
    if name == MAIN:
        return 0, int(session.one("SELECT dimension FROM ours.identity")[0])
    return further.find_model(session, name)


def _understood(row: Row, dimension: int) -> StoredProjection:
    version, mean, components, learnt_from, learnt_at, digest = row
    if _digest(mean, components) != digest:
        raise CatalogDamaged(
            f"expected projection {version} as it was written, found it changed: look at the catalog with "
            "`lookalike doctor`"
        )
    stored = StoredProjection(
        mean=np.frombuffer(mean, "<f4").astype(np.float32),
        components=np.frombuffer(components, "<f4").astype(np.float32).reshape(dimension, -1),
        learnt_from=learnt_from,
        learnt_at=float(learnt_at),
    )
    return replace(stored, version=version)


def _digest(mean: bytes, components: bytes) -> str:
    return hashlib.sha256(mean + components).hexdigest()
