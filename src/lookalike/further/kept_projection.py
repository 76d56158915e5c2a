"""A further model's projection on disk, so that it is not learnt again by each process.

    models/
      <model id>.projection    one line: the SHA-256 of what follows; then an npz: facts (a JSON text),
                               mean (D,) and components (D, d), float32, the latter two only where there is a projection

It is hashed before it is understood, and replaced by renaming. Losing it costs the second of learning it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.core.errors import StorageFailed
from lookalike.index.projection import Projection
from lookalike.storage.whole_file import write_whole

_VERSION = 1


class State(NamedTuple):
    """Of the catalog when a projection was learnt.

    Attributes:
        model_id: whose vectors it was learnt from.
        seq: the last change of the catalog.
        lineage: what the catalog called its history up to there; see `Catalog.lineage`.
        images: how many pictures there were.
    """

    model_id: str
    seq: int
    lineage: str
    images: int


@dataclass(frozen=True, slots=True, eq=False)
class LearntProjection:
    """A projection and what it was learnt from; None where all vectors were the same."""

    state: State
    projection: Projection | None


def keep_projection(folder: Path, learnt: LearntProjection) -> None:
    """Write it whole, or not at all, in the place of the model's last one.

    Raises:
        StorageFailed: when the disk is full, fails, or cannot be written.
    """
    content = _content(learnt)
    try:
        write_whole(
            _place(folder, learnt.state.model_id), hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        )
    except OSError as error:
        raise StorageFailed(f"a projection could not be kept in {folder}: {error.strerror or error}") from error


def read_projection(folder: Path, model_id: str) -> LearntProjection | None:
    """The model's last one; None where there is none, or it is not as it was written."""
    try:
        digest, _, content = _place(folder, model_id).read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        learnt = _understood(content)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return learnt if learnt is not None and learnt.state.model_id == model_id else None


def _place(folder: Path, model_id: str) -> Path:
    return folder / f"{model_id}.projection"


def _content(learnt: LearntProjection) -> bytes:
    projection = learnt.projection
    facts = {**learnt.state._asdict(), "version": _VERSION, "learnt_from": projection.learnt_from if projection else 0}
    arrays = {"mean": projection.mean, "components": projection.components} if projection else {}
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(facts)), **arrays)  # type: ignore[arg-type]  # no name clashes
    return content.getvalue()


def _understood(content: bytes) -> LearntProjection | None:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        facts = json.loads(str(arrays["facts"]))
        if facts.pop("version") != _VERSION:
            return None
        learnt_from = facts.pop("learnt_from")
        projection = Projection(arrays["mean"], arrays["components"], learnt_from) if "mean" in arrays else None
        return LearntProjection(State(**facts), projection)
