"""An exact index whose rows lie on a graphics card."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.core.metrics import Metric
from lookalike.core.records import Json, Neighbours
from lookalike.core.saying import PlanCode
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, to_unit
from lookalike.core.wording import words_of
from lookalike.index.base import SaveTo, Selection, check_wanted, keys_among
from lookalike.index.exact import ExactIndex
from lookalike.index.gpu.base import Room, TorchBase
from lookalike.index.gpu.library import choose_device, free_bytes, torch
from lookalike.index.gpu.search import search
from lookalike.index.gpu.source import DeviceSource


class _Sent(NamedTuple):
    """What lies on the device: `rows` in the order of `keys`, which grow; `of` is the state it was made from."""

    of: tuple[Keys, Vectors]
    keys: Keys
    base: TorchBase


class TorchIndex:
    """See `lookalike.index.base.LocalIndex`. Exact, by `lookalike.index.gpu`.

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
    takes_filters = False
    recall = 1.0
    worn = ""

    def __init__(self, dimension: int, *, device: str | None = None, tell: Callable[[str], None] | None = None) -> None:
        self._exact = ExactIndex(dimension)
        self._device = choose_device(device)
        self._tell = tell
        self._sent: _Sent | None = None
        self._sending = threading.Lock()  # one at a time, for what is sent twice may not fit on the device

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return self._exact.dimension

    @property
    def parameters(self) -> dict[str, Json]:
        """The device."""
        return {"device": str(self._device)}

    def __len__(self) -> int:
        return len(self._exact)

    def stored_vectors(self) -> tuple[Keys, Vectors]:
        """All keys, shape (N,), int64, and rows, shape (N, D), float32; see `HoldsVectors`."""
        return self._exact.stored_vectors()

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace vectors; see `LocalIndex`. A search sees all of a call, or nothing of it."""
        self._exact.upsert(keys, vectors)

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `LocalIndex`."""
        self._exact.remove(keys)

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        allowed = keys_among(among)
        units = to_unit(as_vectors(queries, dimension=self.dimension))
        try:
            sent = self._send_now()
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
            return self._exact.search(queries, k, among=allowed)
        found_keys = np.where(rows >= 0, keys[rows] if len(keys) else -1, -1)
        device = str(self._device.type)
        plan = words_of(f"exact on {device}", PlanCode.EXACT_ON_DEVICE, device=device)
        return Neighbours(found_keys, values, exact=True, scanned=len(keys), plan=plan)

    def save(self, folder: Path) -> list[str]:
        """Write the files of an `ExactIndex`; see there."""
        return self._exact.save(folder)

    def freeze(self) -> SaveTo:
        """As it is at this moment; see `LocalIndex`."""
        return self._exact.freeze()

    @classmethod
    def over(cls, exact: ExactIndex, *, device: str | None = None) -> TorchIndex:
        """An index of what another holds, which it takes over."""
        index = cls(exact.dimension, device=device)
        index._exact = exact
        return index

    def _send_now(self) -> _Sent:
        with self._sending:
            keys, rows = state = self._exact.stored_vectors()
            sent = self._sent
            if sent is None or not (sent.of[0] is keys and sent.of[1] is rows):
                self._sent = None  # so that both need not fit on the device
                order = np.argsort(keys, kind="stable")  # ties go to the smaller row, and so to the smaller key
                on_device = torch.from_numpy(rows[order]).to(self._device)
                sent = self._sent = _Sent(state, keys[order], self._base(on_device))
            return sent

    def _only(self, base: TorchBase, slots: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> TorchBase:
        return self._base(base.source.take(torch.from_numpy(slots.astype(np.int64)).to(self._device)))

    def _base(self, rows: torch.Tensor) -> TorchBase:
        room = Room.within(free_bytes(self._device), *rows.shape)
        return TorchBase(DeviceSource(rows), metric=Metric.COSINE, device=self._device, room=room)
