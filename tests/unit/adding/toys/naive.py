"""An index that compares every vector in plain float64, and keeps the rest as the exact one does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.core.records import Neighbours
from lookalike.core.vectors import Vectors, as_vectors, normalise
from lookalike.index.base import Selection, check_wanted, keys_among
from lookalike.index.exact import ExactIndex


class NaiveIndex(ExactIndex):
    """See `lookalike.index.base.LocalIndex`."""

    engine = "naive"

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        allowed = keys_among(among)
        keys, rows = self.stored_vectors()
        order = np.argsort(keys)
        if allowed is not None:
            order = order[np.isin(keys[order], allowed)]
        keys, rows = keys[order], rows[order]
        units = _unit(normalise(as_vectors(queries, dimension=self.dimension)))
        similarities = np.clip(np.einsum("qd,nd->qn", units, _unit(rows)), -1, 1)  # equal rows have equal sums
        found = np.full((len(units), k), -1, np.int64)
        values = np.full((len(units), k), -np.inf, np.float32)
        best = np.argsort(-similarities.astype(np.float32), axis=1, kind="stable")[:, :k]
        found[:, : best.shape[1]] = keys[best]
        values[:, : best.shape[1]] = np.take_along_axis(similarities, best, axis=1)
        return Neighbours(found, values, exact=True, scanned=len(keys))


def _unit(rows: Vectors) -> NDArray[np.float64]:
    """Of length 1 in float64, too; what is 0 stays 0."""
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def load(folder: Path) -> ExactIndex:
    """Read what `save` wrote: bit by bit what was saved."""
    return NaiveIndex.from_arrays(np.load(folder / "keys.npy"), np.load(folder / "vectors.npy"))
