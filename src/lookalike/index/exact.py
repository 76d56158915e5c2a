"""Exact search: every vector is compared."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, DimensionMismatch, SnapshotDamaged
from lookalike.core.metrics import Metric
from lookalike.core.records import Json, Neighbours
from lookalike.core.saying import exact_plan
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, to_unit
from lookalike.index.base import SaveTo, Selection, check_wanted, keys_among
from lookalike.index.shortlist.allowed import Allowed
from lookalike.index.shortlist.best import Best
from lookalike.index.shortlist.scan import Field, at_once, processors, scan_all

if TYPE_CHECKING:
    from lookalike.index.shortlist.codes import Codes

CODES_FROM_ROWS = 2048
CODES_FROM_QUERIES = 16

_LEAST_BEHIND, _SHARE_BEHIND = 1024, 16


class _State(NamedTuple):
    """What a search sees. All are views into buffers that only ever grow behind their ends.

    Attributes:
        keys: shape (N,).
        rows: shape (N, D).
        codes: of the first rows; None where there are none yet.
        version: grows with each change of what was there.
    """

    keys: Keys
    rows: Vectors
    codes: Codes | None = None
    version: int = 0


class ExactIndex:
    """See `lookalike.index.base.LocalIndex`. The in-memory engine, and the oracle of the others.

    A search takes N * len(self) * D multiplications. From the 16th query on, they are of 8-bit codes, which are made
    then; the few rows that the codes leave are compared in float64, so that the answer is the same. A vector takes 4 D
    bytes, with codes 5 D. Appending is amortised; replacing or removing copies the rows.

    Args:
        dimension: D of the vectors.
        threads: how many a search computes products of codes with; None for as many as there are processors.
        codes_from_rows: how many rows must be there for codes to be worth making.
        codes_from_queries: and how many queries must have been asked.
    """

    engine = "exact"
    takes_filters = False
    recall = 1.0
    worn = ""

    def __init__(
        self,
        dimension: int,
        *,
        threads: int | None = None,
        codes_from_rows: int = CODES_FROM_ROWS,
        codes_from_queries: int = CODES_FROM_QUERIES,
    ) -> None:
        self._dimension = dimension
        self._threads = threads or processors()
        self._codes_from_rows, self._codes_from_queries = codes_from_rows, codes_from_queries
        self._asked = 0
        self._coding = threading.Lock()
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
        """Add or replace vectors; see `LocalIndex`. A search sees all of a call, or nothing of it."""
        keys = as_keys(keys)
        rows = to_unit(as_vectors(vectors, dimension=self._dimension))
        if len(keys) != len(rows):
            raise DimensionMismatch(
                f"expected one vector for each of {len(keys)} keys, got {len(rows)}; repeat it with as many of both"
            )
        if (keys < 0).any():
            raise BadInput(
                f"expected keys from 0 on, got {int(keys.min())}; number the rows: numpy.arange(len(vectors))"
            )
        last = {key: n for n, key in enumerate(keys.tolist())}
        with self._changing:
            state = self._state
            known = [key for key in last if key in self._slots]
            if known:
                state = self._replace(state, [self._slots[key] for key in known], rows[[last[key] for key in known]])
            new = [key for key in last if key not in self._slots]
            if new:
                state = self._append(state, np.array(new, np.int64), rows[[last[key] for key in new]])
            self._slots.update(zip(new, range(len(self._state.keys), len(state.keys)), strict=True))
            self._state = state

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `LocalIndex`."""
        with self._changing:
            gone = [self._slots[key] for key in set(as_keys(keys).tolist()) if key in self._slots]
            if not gone:
                return
            keep = np.ones(len(self._state.keys), bool)
            keep[gone] = False
            keys, rows, codes, version = self._state
            codes = None if codes is None else codes.take(keep[: len(codes)])
            self._state = self._buffers = _State(keys[keep], rows[keep], codes, version + 1)
            self._slots = {key: slot for slot, key in enumerate(self._state.keys.tolist())}

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        allowed = keys_among(among)
        wanted = as_vectors(queries, dimension=self._dimension)
        state = self._with_codes(self._state, len(wanted))
        chosen = None if allowed is None else Allowed.of(state.keys, as_keys(allowed))
        eligible = len(state.keys) if chosen is None else chosen.count
        plan = exact_plan(None if chosen is None else eligible)
        best, fields = Best.nothing(len(wanted), k, Metric.COSINE), _fields(state, chosen)
        block = at_once(min(k, max(1, eligible)))
        scan_all(fields, wanted, best, block=block, threads=self._threads)
        return Neighbours(best.labels, best.values, exact=True, scanned=eligible, plan=plan)

    def stored_vectors(self) -> tuple[Keys, Vectors]:
        """What is stored: keys, shape (N,), int64, in no order, and rows, shape (N, D), float32, of length 1 or 0.

        Views: for reading.
        """
        return self._state.keys, self._state.rows

    def save(self, folder: Path) -> list[str]:
        """Write `keys.npy`, shape (N,) int64, and `vectors.npy`, shape (N, D) float32, rows of length 1 or 0."""
        return self.freeze()(folder)

    def freeze(self) -> SaveTo:
        """As it is at this moment; see `LocalIndex`. At once: rows are only appended behind those that are there."""
        keys, rows, *_ = self._state
        return partial(_save, keys, rows)

    @classmethod
    def from_arrays(cls, keys: NDArray[np.generic], rows: NDArray[np.generic]) -> ExactIndex:
        """An index of rows as `save` wrote them; the arrays are taken over, not copied.

        Args:
            keys: shape (N,), int64.
            rows: shape (N, D), float32, of length 1 or 0.
        Raises:
            SnapshotDamaged: when they are not of the form that `save` writes.
        """
        if keys.dtype != np.int64 or rows.dtype != np.float32 or rows.ndim != 2 or keys.shape != rows.shape[:1]:
            raise SnapshotDamaged(f"keys {keys.dtype}{keys.shape} and vectors {rows.dtype}{rows.shape} do not fit")
        index = cls(rows.shape[1])
        index._state = index._buffers = _State(keys.view(np.int64), rows.view(np.float32))
        index._slots = {key: slot for slot, key in enumerate(keys.tolist())}
        return index

    def _replace(self, state: _State, slots: list[int], rows: Vectors) -> _State:
        changed = state.rows.copy()  # for searches that run may be reading the old ones
        changed[slots] = rows
        codes = None if state.codes is None else state.codes.replace(np.array(slots), rows)
        self._buffers = _State(state.keys, changed, codes, state.version + 1)
        return self._buffers

    def _append(self, state: _State, keys: Keys, rows: Vectors) -> _State:
        start, end = len(state.keys), len(state.keys) + len(keys)
        if end > len(self._buffers.keys):
            room = max(end, 2 * start, 1024)
            buffers = _State(np.empty(room, np.int64), np.empty((room, self._dimension), np.float32))
            buffers.keys[:start], buffers.rows[:start] = state.keys, state.rows
            self._buffers = buffers
        self._buffers.keys[start:end], self._buffers.rows[start:end] = keys, rows
        return state._replace(keys=self._buffers.keys[:end], rows=self._buffers.rows[:end])

    def _with_codes(self, state: _State, queries: int) -> _State:
        """The state, with codes once they are worth making, which takes as long as a few queries without them."""
        N, coded = len(state.keys), 0 if state.codes is None else len(state.codes)
        self._asked += queries
        behind = self._codes_from_rows if state.codes is None else max(_LEAST_BEHIND, coded // _SHARE_BEHIND)
        if N - coded < behind or self._asked < self._codes_from_queries:
            return state

        from lookalike.index.shortlist.product import WIDEST  # which a single search does not need

        if self._dimension > WIDEST:
            return state
        if not self._coding.acquire(blocking=False):  # another search is making them
            return state
        try:
            with self._changing:
                state = self._state
            codes = _extend(state.codes, state.rows)
            with self._changing:
                if self._state.version == state.version:
                    self._state = self._state._replace(codes=codes)
            return state._replace(codes=codes)
        finally:
            self._coding.release()


def _save(keys: Keys, rows: Vectors, folder: Path) -> list[str]:
    np.save(folder / "keys.npy", keys)
    np.save(folder / "vectors.npy", rows)
    return ["keys.npy", "vectors.npy"]


def _extend(codes: Codes | None, rows: Vectors) -> Codes:
    """Codes of all rows. Those that are there stay, until there are twice as many rows around another centre."""
    from lookalike.index.shortlist.codes import Codes

    coded = 0 if codes is None else len(codes)
    if codes is None or len(rows) > codes.capacity:
        codes, coded = Codes.room(rows, len(rows) + len(rows) // 4, metric=Metric.COSINE), 0
    codes.write(rows[coded:], coded)
    return codes.first(len(rows))


def _fields(state: _State, allowed: Allowed | None) -> list[Field]:
    """The rows with codes and those behind them, as far as they are allowed."""
    N, coded = len(state.keys), 0 if state.codes is None else len(state.codes)
    fields = [_field(state, state.codes, 0, coded, allowed), _field(state, None, coded, N, allowed)]
    return [field for field in fields if len(field)]


def _field(state: _State, codes: Codes | None, start: int, end: int, allowed: Allowed | None) -> Field:
    keys, rows = state.keys[start:end], state.rows[start:end]
    part = None if allowed is None else allowed.part(start, end)
    places = None if part is None else part.places
    if places is not None:
        keys, codes = keys[places], None if codes is None else codes.take(places)
    mask = None if part is None else part.mask
    centre = np.zeros(rows.shape[1], np.float32)
    return Field(Metric.COSINE, rows, rows, keys, centre, codes, eligible=mask, places=places)
