"""On what neighbours are searched, processor or graphics card, and the search itself, in batches of queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, BadVectors
from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.brute_force import Nearest, nearest
from lookalike.index.float64.reading import fits_float32, is_wide
from lookalike.index.float64.search import nearest_in_float64

Progress = Callable[[int, int], None]

DEVICES = ("auto", "cpu", "cuda")
_CARD_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_WORTH_A_CARD = 2e11
"""Multiplications that a processor of some cores does in the seconds that torch and the card take to start."""
_BATCH_BYTES = 1 << 30
_ROWS_AT_ONCE = 4096
_LEAST = float(np.finfo(np.float32).tiny)


def choose_device(device: str, *, multiplications: float) -> str:
    """`cpu` or `cuda`; for `auto`, the card where there is one that torch sees and the search is worth its start.

    Importing torch takes seconds, so that is left for when there can be a card.

    Raises:
        BadInput: when there is no such device, or no card although it was asked for.
        MissingExtra: when a card was asked for and torch is not installed.
    """
    if device not in DEVICES:
        raise BadInput(
            f"expected a device, one of {', '.join(DEVICES)}, got {device!r}; leave it out, and what is there is used"
        )
    if device == "auto":
        worth = multiplications >= _WORTH_A_CARD and find_spec("torch") is not None and _may_have_a_card()
        return "cuda" if worth and _sees_a_card() else "cpu"
    if device == "cuda":
        from lookalike.index.gpu.library import choose_device

        choose_device("cuda")
    return device


def _may_have_a_card() -> bool:
    return any(Path(file).exists() for file in _CARD_FILES)


def _sees_a_card() -> bool:
    from lookalike.index.gpu.library import torch

    return bool(torch.cuda.is_available())


def search_rows(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    k: int,
    *,
    metric: Metric,
    device: str,
    threads: int | None,
    memory_bytes: int | None,
    progress: Progress | None,
    tell: Callable[[str], None],
) -> Nearest:
    """Find the k nearest rows of each query, exactly.

    Args:
        base: shape (N, D), any real dtype, perhaps a memory map.
        queries: shape (Q, D), any real dtype, likewise.
        k: at least 1, at most N.
        metric: how near two vectors are.
        device: `cpu` or `cuda`.
        threads: on the processor; None for all.
        memory_bytes: to take at most, beside the arguments and the answer; None for what is convenient.
        progress: is told how far the search is, of how much.
        tell: is told, in a line for people, what went otherwise than planned.
    Raises:
        BadVectors: when a value is not finite, or not held by float64; names the row.
        DimensionMismatch: when base and queries are not of one width.
        BadInput: when the memory budget is too small; names the least.
    """
    Q, D = queries.shape
    batch = max(1, min(_BATCH_BYTES, (memory_bytes or 2 * _BATCH_BYTES) // 2) // (16 * D + 48 * k))
    starts = range(0, max(1, Q), batch)
    wide = is_wide(base) or is_wide(queries)
    narrow_is_exact = fits_float32(base) and fits_float32(queries)
    way = _Way(base, k, metric, device, threads, memory_bytes, tell)
    parts = []
    for n, start in enumerate(starts):
        some, step = queries[start : start + batch], _step(progress, n, len(starts))
        if wide and (device != "cpu" or not narrow_is_exact):
            parts.append(way.in_float64(some, start, step))
            continue
        part = way.in_float32(_finite(some, start), step, dtype=np.float64 if wide else np.float32)
        parts.append(way.in_float64(some, start, step) if way.has_lost(part, some) else part)
    return _join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """How a base is searched; see `searched`."""

    base: NDArray[np.generic]
    k: int
    metric: Metric
    device: str
    threads: int | None
    memory_bytes: int | None
    tell: Callable[[str], None]

    def in_float32(self, queries: Vectors, step: Progress | None, *, dtype: type[np.floating]) -> Nearest:
        return self._among(self.base, queries, self.k, step, self.memory_bytes, dtype)

    def in_float64(self, queries: NDArray[np.generic], start: int, step: Progress | None) -> Nearest:
        half = None if self.memory_bytes is None else self.memory_bytes // 2
        return nearest_in_float64(
            self.base,
            queries,
            self.k,
            metric=self.metric,
            search=lambda rows, asked, k: self._among(rows, asked, k, None, half, np.float32),
            start=start,
            memory_bytes=half,
            progress=step,
        )

    def has_lost(self, found: Nearest, queries: NDArray[np.generic]) -> bool:
        """Whether values of real rows are too large or too small for float32, so that their order is lost."""
        sizes = np.abs(found.values[found.rows >= 0])
        if np.isinf(sizes).any() or ((sizes > 0) & (sizes < _LEAST)).any():
            return True
        may_vanish = self.metric is Metric.INNER_PRODUCT and bool((sizes == 0).any())
        return may_vanish and _smallest(self.base) * _smallest(queries) < _LEAST

    def _among(
        self,
        base: NDArray[np.generic],
        queries: Vectors,
        k: int,
        step: Progress | None,
        memory_bytes: int | None,
        dtype: type[np.floating],
    ) -> Nearest:
        if self.device != "cuda":
            return nearest(
                base, queries, k, metric=self.metric, threads=self.threads, progress=step,
                memory_bytes=memory_bytes, dtype=dtype,
            )  # fmt: skip
        from lookalike.index.gpu.nearest import nearest_on_torch

        return nearest_on_torch(
            base, queries, k, metric=self.metric, device=self.device, progress=step, memory_bytes=memory_bytes,
            tell=self.tell,
        )  # fmt: skip


def _smallest(array: NDArray[np.generic]) -> float:
    """The size of the smallest number that is not 0; 1 for whole numbers."""
    if array.dtype.kind != "f":
        return 1.0
    parts = (np.abs(array[start : start + _ROWS_AT_ONCE]) for start in range(0, len(array), _ROWS_AT_ONCE))
    return float(min((part.min(initial=1, where=part > 0) for part in parts), default=1))


def _finite(queries: NDArray[np.generic], start: int) -> Vectors:
    with np.errstate(over="ignore"):
        some = np.array(queries, dtype=np.float32, order="C")
    finite = np.isfinite(some).all(axis=1)
    if not finite.all():
        row = start + int(np.flatnonzero(~finite)[0])
        raise BadVectors(
            f"queries: expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float32"
            "; leave that row out, or scale the vectors"
        )
    return some


def _join(parts: list[Nearest]) -> Nearest:
    if len(parts) == 1:
        return parts[0]
    count = sum(len(part.rows) for part in parts)
    return Nearest(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.values for part in parts]),
        proven=sum(part.proven * len(part.rows) for part in parts) / count,
        widened=sum(part.widened for part in parts),
    )


def _step(progress: Progress | None, batch: int, batches: int) -> Progress | None:
    """Progress of a batch as progress of all: each takes as long."""
    return None if progress is None else lambda done, total: progress(batch * total + done, batches * total)
