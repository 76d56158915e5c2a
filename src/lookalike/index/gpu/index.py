"""An exact index whose rows lie on a graphics card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.core.metrics import Metric
from lookalike.core.records import Neighbours
from lookalike.core.saying import PlanCode
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, normalise
from lookalike.core.wording import said
from lookalike.index.base import check_wanted
from lookalike.index.exact import ExactIndex
from lookalike.index.gpu.base import Room, TorchBase
from lookalike.index.gpu.library import chosen_device, free_bytes, torch
from lookalike.index.gpu.search import search
from lookalike.index.gpu.source import DeviceSource


class _Sent(NamedTuple):
    """What lies on the device: `rows` in the order of `keys`, which grow; `of` is the state it was made from."""

    of: tuple[Keys, Vectors]
    keys: Keys
    base: TorchBase


class TorchIndex:
    """See `lookalike.index.base.Index`. Exact, by `lookalike.index.gpu`.

    The rows are kept in the host's memory too. After a change the first search sends them anew, which takes as long as
    they take to travel. Where the device's memory runs out, a search is done on the processor.

    Args:
        dimension: D of the vectors.
        device: as torch names it; None for the first card that torch sees, else the processor.
        tell: is told, in a line for people, what went otherwise than planned.
    Raises:
        BadInput: when there is no such device.
    """

    engine = "gpu"

    def __init__(self, dimension: int, *, device: str | None = None, tell: Callable[[str], None] | None = None) -> None:
        self._held = ExactIndex(dimension)
        self._device = chosen_device(device)
        self._tell = tell
        self._sent: _Sent | None = None

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return self._held.dimension

    def __len__(self) -> int:
        return len(self._held)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, or replace those of known keys; see `Index`. A search sees all of a call, or nothing of it."""
        self._held.upsert(keys, vectors)

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `Index`."""
        self._held.remove(keys)

    def search(
        self, queries: Vectors, k: int, *, allowed: Keys | None = None, recall: float | None = None
    ) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        units = normalise(as_vectors(queries, dimension=self.dimension))
        try:
            sent = self._sent_now()
            keys, base = sent.keys, sent.base
            if allowed is not None:
                slots = np.flatnonzero(np.isin(keys, as_keys(allowed)))
                keys, base = keys[slots], self._only(base, slots)
            found = search(base, units, k)
            rows, values = found.rows, found.values
        except torch.OutOfMemoryError:
            self._sent = None
            torch.cuda.empty_cache()
            if self._tell is not None:
                self._tell("the card's memory ran out: searched on the processor")
            return self._held.search(queries, k, allowed=allowed)
        found_keys = np.where(rows >= 0, keys[rows] if len(keys) else -1, -1)
        device = str(self._device.type)
        plan = said(f"exact on {device}", PlanCode.EXACT_ON_DEVICE, device=device)
        return Neighbours(found_keys, values, exact=True, scanned=len(keys), plan=plan)

    def save(self, folder: Path) -> list[str]:
        """Write the files of an `ExactIndex`; see there."""
        return self._held.save(folder)

    @classmethod
    def over(cls, held: ExactIndex, *, device: str | None = None) -> TorchIndex:
        """An index of what another holds, which it takes over."""
        index = cls(held.dimension, device=device)
        index._held = held
        return index

    def _sent_now(self) -> _Sent:
        state, sent = self._held.held(), self._sent
        if sent is None or sent.of is not state:
            self._sent = None  # so that both need not fit on the device
            order = np.argsort(state[0], kind="stable")  # ties go to the smaller row, and so to the smaller key
            rows = torch.from_numpy(state[1][order]).to(self._device)
            sent = self._sent = _Sent(state, state[0][order], self._base(rows))
        return sent

    def _only(self, base: TorchBase, slots: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> TorchBase:
        return self._base(base.source.take(torch.from_numpy(slots.astype(np.int64)).to(self._device)))

    def _base(self, rows: torch.Tensor) -> TorchBase:
        room = Room.within(free_bytes(self._device), *rows.shape)
        return TorchBase(DeviceSource(rows), metric=Metric.COSINE, device=self._device, room=room)
