"""How fast exact search is on a graphics card. Under a minute; without a card there is nothing to measure."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.harness import Bench, timed
from benchmarks.rows import could_not_run, measured, median, quartiles
from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.brute_force import nearest

QUESTION = "How long does exact search take on a graphics card?"
N, Q, D, k = 90_000, 10_000, 2048, 3
ROUNDS = 15
CHECKED = 50
TARGET = "<= 15 ms"
ON_CARD = f"{Q:,} x {N:,} x {D}, k = {k}, on the card"
FROM_HOST = f"{Q:,} x {N:,} x {D}, k = {k}, from the host's memory and back"


def measure(bench: Bench) -> None:
    if not _has_card():
        bench.add(could_not_run(ON_CARD, "no CUDA device", target=TARGET))
        bench.add(could_not_run(FROM_HOST, "no CUDA device"))
        return
    base, queries = _vectors(bench.size(N), 0), _vectors(bench.size(Q), 1)
    _on_card(bench, base, queries)
    _from_host(bench, base, queries)


def _on_card(bench: Bench, base: Vectors, queries: Vectors) -> None:
    """Both are there already, and the base is in half precision, as in an index; the answer comes back to the host."""
    from lookalike.index.gpu.base import Room, TorchBase
    from lookalike.index.gpu.library import choose_device, free_bytes, torch
    from lookalike.index.gpu.search import search
    from lookalike.index.gpu.source import DeviceSource

    device = choose_device("cuda")
    rows, wanted = torch.from_numpy(base).to(device), torch.from_numpy(queries).to(device)
    room = Room.within(free_bytes(device), *base.shape)
    prepared = TorchBase(DeviceSource(rows), metric=Metric.COSINE, device=device, room=room)
    found = search(prepared, wanted, k)
    _check(base, queries, found.rows)
    _plain(rows, wanted)
    ours, plain = [], []
    for _ in range(ROUNDS):
        bench.tick()
        ours.append(1000 * timed(lambda: search(prepared, wanted, k))[0])
        plain.append(1000 * timed(lambda: _plain(rows, wanted))[0])
    ratios = [theirs / mine for mine, theirs in zip(ours, plain, strict=True)]
    bench.add(
        measured(
            ON_CARD,
            median(ours),
            "ms",
            spread=quartiles(ratios),
            peer="torch, float32 product and topk",
            peer_value=median(plain),
            ratio=median(ratios),
            target=TARGET,
            note=f"{torch.cuda.get_device_name()}, torch {torch.__version__}; median of {ROUNDS} searches by cosine; "
            f"rows and queries lie on the card, the rows prepared; {found.proven:.1%} of the queries proven at once",
        )
    )


def _from_host(bench: Bench, base: Vectors, queries: Vectors) -> None:
    from lookalike.index.gpu.nearest import nearest_on_torch

    nearest_on_torch(base, queries, k, device="cuda")
    times = [1000 * timed(lambda: nearest_on_torch(base, queries, k, device="cuda"))[0] for _ in range(ROUNDS)]
    bench.add(
        measured(
            FROM_HOST,
            median(times),
            "ms",
            spread=quartiles(times),
            note=f"median of {ROUNDS}: checking, sending and preparing the rows are counted too",
        )
    )


def _plain(rows: Any, queries: Any) -> Any:
    """What one would write by hand: cosines in float32, tile by tile so that they fit, and the best of them."""
    import torch

    units = torch.nn.functional.normalize(rows, dim=1)
    wanted = torch.nn.functional.normalize(queries, dim=1)
    return torch.cat([(some @ units.T).topk(k, dim=1).indices for some in wanted.split(2500)]).cpu()


def _check(base: Vectors, queries: Vectors, rows: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    """The processor finds the same."""
    expected = nearest(base, queries[:CHECKED], k).rows
    if not np.array_equal(rows[:CHECKED], expected):
        raise RuntimeError("the card's answer is not that of the processor")


def _vectors(count: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, D), dtype=np.float32)


def _has_card() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
