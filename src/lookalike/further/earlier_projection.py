"""A further model's projection in a file of its own, as 0.1.0 kept it: read, and put into the catalog.

    models/
      <model id>.projection    one line: the SHA-256 of what follows; then an npz: facts (a JSON text),
                               mean (D,) and components (D, d), float32, the latter two only where there is a projection

It is hashed before it is understood. Losing it costs the second of learning it again.
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

from lookalike.core.records import Cursor, numbered_cursor
from lookalike.index.projection import Projection

_VERSION = 2
_NUMBERED = 1  # where the changes are told by a number and a word for the history


class State(NamedTuple):
    """Of the catalog when a projection was learnt.

    Attributes:
        model_id: whose vectors it was learnt from.
        cursor: the place after the catalog's last change.
        images: how many pictures there were.
    """

    model_id: str
    cursor: Cursor
    images: int


@dataclass(frozen=True, slots=True, eq=False)
class LearntProjection:
    """A projection and what it was learnt from; None where all vectors were the same."""

    state: State
    projection: Projection | None


def read_projection(folder: Path, model_id: str) -> LearntProjection | None:
    """The model's last one; None where there is none, or it is not as it was written."""
    try:
        digest, _, content = (folder / f"{model_id}.projection").read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        learnt = _understood(content)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return learnt if learnt is not None and learnt.state.model_id == model_id else None


def _understood(content: bytes) -> LearntProjection | None:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        facts = json.loads(str(arrays["facts"]))
        version = facts.pop("version")
        if version == _NUMBERED:
            facts["cursor"] = numbered_cursor(facts.pop("seq"), facts.pop("lineage"))
        elif version != _VERSION:
            return None
        learnt_from = facts.pop("learnt_from")
        projection = Projection(arrays["mean"], arrays["components"], learnt_from) if "mean" in arrays else None
        return LearntProjection(State(**facts), projection)
