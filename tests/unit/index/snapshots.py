"""Small snapshots of which one can see whether all their files belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.core.records import numbered_cursor
from lookalike.index.base import Index
from lookalike.index.exact import ExactIndex
from lookalike.index.manifest import Manifest
from lookalike.index.projection import Projection
from lookalike.index.snapshot import Snapshot, freeze, write_snapshot

N, D = 30, 6
QUERIES = np.random.default_rng(9).standard_normal((8, D)).astype(np.float32)


def write(folder: Path, seq: int, *, projected: bool = True) -> Manifest:
    """Write a snapshot whose vectors, keys and projection all follow from `seq`."""
    projection = Projection(np.full(2 * D, seq, np.float32), np.full((2 * D, D), seq, np.float32), learnt_from=300)
    return write_snapshot(
        folder,
        freeze(index_of(seq)),
        projection if projected else None,
        model_id="m" * 64,
        cursor=numbered_cursor(seq, "1" * 16),
        projected="auto" if projected else "off",
    )


def index_of(seq: int) -> ExactIndex:
    index = ExactIndex(D)
    index.upsert(np.arange(N) + seq, np.random.default_rng(seq).standard_normal((N, D)).astype(np.float32))
    return index


def answers(index: Index) -> list[Any]:
    found = index.search(QUERIES, 5)
    return [found.keys.tolist(), found.similarities.tolist()]


def seq_of(manifest: Manifest) -> int:
    return int((manifest.cursor or "0").split()[0])


def seq_if_whole(snapshot: Snapshot) -> int:
    """The `seq` of a snapshot, of which every part must follow from it."""
    seq = seq_of(snapshot.manifest)
    assert answers(snapshot.index) == answers(index_of(seq))
    assert snapshot.projection is not None
    assert (snapshot.projection.mean == seq).all()
    assert (snapshot.projection.components == seq).all()
    return seq
