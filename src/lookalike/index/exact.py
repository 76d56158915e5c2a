"""Exact search: every vector is compared."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, DimensionMismatch, SnapshotDamaged
from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, normalise
from lookalike.index.base import check_wanted

# Sums of products in float32 come out differently for equal rows, depending on their place in a matrix. The shortlist
# is wider than k by what such a sum can be off, and the shortlist is compared again in float64. For unit vectors the
# error of a float32 dot product is below D * 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); the
# rounding of the vectors, of their lengths and of the answer takes a few 2^-24 more.
_UNIT_ROUNDOFF = 2.0**-24
_ROUNDINGS_BESIDES = 8
_BLOCK_VALUES = 16_000_000
_SHORTLIST_VALUES = 2_000_000


class _State(NamedTuple):
    """What a search sees. `rows` and `keys` are views into buffers that only ever grow behind their ends."""

    keys: Keys
    rows: Vectors


class ExactIndex:
    """See `lookalike.index.base.Index`. The in-memory engine, and the oracle of the others.

    A search takes N * len(self) * D multiplications. Appending is amortised; replacing or removing copies the rows.

    Args:
        dimension: D of the vectors.
    """

    engine = "exact"
    recall = 1.0
    worn = ""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._changing = threading.Lock()
        self._state = _State(np.empty(0, np.int64), np.empty((0, dimension), np.float32))
        self._slots: dict[int, int] = {}
        self._buffers = self._state

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return self._dimension

    @property
    def parameters(self) -> dict[str, Json]:
        """Nothing to say."""
        return {}

    def __len__(self) -> int:
        return len(self._state.keys)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, or replace those of known keys; see `Index`. A search sees all of a call, or nothing of it."""
        keys = as_keys(keys)
        rows = normalise(as_vectors(vectors, dimension=self._dimension))
        if len(keys) != len(rows):
            raise DimensionMismatch(f"expected one vector for each of {len(keys)} keys, got {len(rows)}")
        if (keys < 0).any():
            raise BadInput(f"expected keys from 0 on, got {int(keys.min())}")
        last = {key: n for n, key in enumerate(keys.tolist())}
        with self._changing:
            state = self._state
            known = [key for key in last if key in self._slots]
            if known:
                state = self._replaced(state, [self._slots[key] for key in known], rows[[last[key] for key in known]])
            new = [key for key in last if key not in self._slots]
            if new:
                state = self._appended(state, np.array(new, np.int64), rows[[last[key] for key in new]])
            self._slots.update(zip(new, range(len(self._state.keys), len(state.keys)), strict=True))
            self._state = state

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `Index`."""
        with self._changing:
            gone = [self._slots[key] for key in set(as_keys(keys).tolist()) if key in self._slots]
            if not gone:
                return
            keep = np.ones(len(self._state.keys), bool)
            keep[gone] = False
            self._state = self._buffers = _State(self._state.keys[keep], self._state.rows[keep])
            self._slots = {key: slot for slot, key in enumerate(self._state.keys.tolist())}

    def search(
        self, queries: Vectors, k: int, *, allowed: Keys | None = None, recall: float | None = None
    ) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        units = normalise(as_vectors(queries, dimension=self._dimension))
        keys, rows = self._state
        if allowed is not None:
            keep = np.isin(keys, as_keys(allowed))
            keys, rows = keys[keep], rows[keep]
        found_keys = np.full((len(units), k), -1, np.int64)
        found = np.full((len(units), k), -np.inf, np.float32)
        block = max(1, _BLOCK_VALUES // max(1, len(keys)))
        for start in range(0, len(units), block):
            # similarities[n, j]: query start + n against item j
            similarities = units[start : start + block] @ rows.T
            for n, row in enumerate(similarities, start):
                best_keys, best = _best(row, units[n], keys, rows, k)
                found_keys[n, : len(best)], found[n, : len(best)] = best_keys, best
        return Neighbours(found_keys, found, exact=True, scanned=len(keys))

    def held(self) -> tuple[Keys, Vectors]:
        """What is held: keys, shape (N,), in no order, and rows, shape (N, D), of length 1 or 0. Views: for reading."""
        return self._state

    def save(self, folder: Path) -> list[str]:
        """Write `keys.npy`, shape (N,) int64, and `vectors.npy`, shape (N, D) float32, rows of length 1 or 0."""
        keys, rows = self._state
        np.save(folder / "keys.npy", keys)
        np.save(folder / "vectors.npy", rows)
        return ["keys.npy", "vectors.npy"]

    @classmethod
    def from_arrays(cls, keys: NDArray[np.generic], rows: NDArray[np.generic]) -> ExactIndex:
        """An index of rows as `save` wrote them; the arrays are taken over, not copied.

        Raises:
            SnapshotDamaged: when they are not of the form that `save` writes.
        """
        if keys.dtype != np.int64 or rows.dtype != np.float32 or rows.ndim != 2 or keys.shape != rows.shape[:1]:
            raise SnapshotDamaged(f"keys {keys.dtype}{keys.shape} and vectors {rows.dtype}{rows.shape} do not fit")
        index = cls(rows.shape[1])
        index._state = index._buffers = _State(keys.view(np.int64), rows.view(np.float32))
        index._slots = {key: slot for slot, key in enumerate(keys.tolist())}
        return index

    def _replaced(self, state: _State, slots: list[int], rows: Vectors) -> _State:
        changed = state.rows.copy()  # for searches that run may be reading the old ones
        changed[slots] = rows
        self._buffers = _State(state.keys, changed)
        return self._buffers

    def _appended(self, state: _State, keys: Keys, rows: Vectors) -> _State:
        start, end = len(state.keys), len(state.keys) + len(keys)
        if end > len(self._buffers.keys):
            room = max(end, 2 * start, 1024)
            buffers = _State(np.empty(room, np.int64), np.empty((room, self._dimension), np.float32))
            buffers.keys[:start], buffers.rows[:start] = state
            self._buffers = buffers
        self._buffers.keys[start:end], self._buffers.rows[start:end] = keys, rows
        return _State(self._buffers.keys[:end], self._buffers.rows[:end])


def _best(row: Vectors, query: Vectors, keys: Keys, rows: Vectors, k: int) -> tuple[Keys, Vectors]:
    """The k largest of a row of similarities, ties to the smaller key, computed again in float64."""
    if len(row) > k:
        least = np.partition(row, len(row) - k)[len(row) - k]
        slack = 2 * (rows.shape[1] + _ROUNDINGS_BESIDES) * _UNIT_ROUNDOFF
        shortlist = np.flatnonzero(row >= least - slack)
    else:
        shortlist = np.arange(len(row))
    similarities = _cosines(rows, shortlist, query)
    order = np.lexsort((keys[shortlist], -similarities))[:k]
    return keys[shortlist[order]], similarities[order]


def _cosines(rows: Vectors, slots: NDArray[np.intp], query: Vectors) -> Vectors:
    """Cosines of some rows and a query, each from its row alone; 0 where one of them is 0."""
    wanted = query.astype(np.float64)
    cosines = np.empty(len(slots), np.float32)
    block = max(1, _SHORTLIST_VALUES // max(1, len(wanted)))  # all may tie, as with equal pictures or a zero query
    for start in range(0, len(slots), block):
        some = rows[slots[start : start + block]].astype(np.float64)
        products = np.einsum("jd,d->j", some, wanted)
        lengths = np.sqrt(np.einsum("jd,jd->j", some, some) * np.einsum("d,d->", wanted, wanted))
        cosines[start : start + block] = products / np.where(lengths > 0, lengths, 1)
    return cosines
