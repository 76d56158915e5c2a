"""Nearest neighbours on a graphics card: every row is compared, and the answer is that of float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.index.brute_force import Nearest, check_rows, nearest
from lookalike.index.gpu.base import Room, TorchBase
from lookalike.index.gpu.library import choose_device, free_bytes, torch
from lookalike.index.gpu.search import Progress, search
from lookalike.index.gpu.source import HostSource


def nearest_on_torch(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    k: int,
    *,
    metric: Metric = Metric.COSINE,
    device: str | None = None,
    progress: Progress | None = None,
    memory_bytes: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Nearest:
    """Find the k nearest rows of each query, without fail; as `lookalike.index.brute_force.nearest`, by torch.

    The base stays on the device in half precision if it fits (100 million rows of 128 take 27 GB), in float32 beside
    that if that fits too, else it is sent once for each pass, from wherever it lies: a memory map may be larger than
    both memories. Where the device's memory runs out, the tiles are halved, and at last the processor takes over.

    Args:
        base: shape (N, D), any real dtype; compared as float32.
        queries: shape (Q, D), any real dtype; compared as float32.
        k: at least 1; may be larger than N.
        metric: how near two vectors are.
        device: as torch names it; None for the first card that torch sees, else the processor.
        progress: is told how many rows of the base have been compared, of how many, after every tile of the first pass;
            the base counts as often as it is passed, which is once unless the queries do not fit on the device.
        memory_bytes: how much of the device's memory to take at most; None for most of what a card has free, 1 GiB on
            the processor.
        tell: is told, in a line for people, what went otherwise than planned.
    Returns:
        what comparing everything in float64 would give.
    Raises:
        DimensionMismatch: when `base` is not (N, D), or the queries not (Q, D).
        BadVectors: when a value is not a finite real number in float32; names the row.
        BadQuery: when k is less than 1.
        BadInput: when there is no such device, or `memory_bytes` is less than this takes; names the least.
    """
    base, wanted = check_rows(base, queries, k=k)
    on = choose_device(device)
    room = Room.within(free_bytes(on) if memory_bytes is None else memory_bytes, *base.shape)
    tell = tell or _told_nobody
    while True:
        try:
            # not given a name, so that nothing of it is left for the next attempt
            prepare = partial(TorchBase, HostSource(base, on), metric=metric, device=on, room=room)
            return search(prepare(), wanted, k, progress=progress, tell=tell)
        except torch.OutOfMemoryError:
            smaller = room.halve()
        torch.cuda.empty_cache()
        if smaller is None:
            tell("the card's memory ran out: compared on the processor")
            return nearest(base, wanted, k, metric=metric, progress=progress)
        tell("the card's memory ran out: compared in smaller tiles")
        room = smaller


def _told_nobody(_line: str) -> None:
    """Where nobody listens."""
