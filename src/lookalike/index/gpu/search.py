"""The answer of rows that are ready to be searched: shortlists, proofs, and longer shortlists where a proof fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.brute_force import Nearest
from lookalike.index.gpu import rapids
from lookalike.index.gpu.base import TorchBase
from lookalike.index.gpu.halves import Halves, bound, halves
from lookalike.index.gpu.library import summing_in_full, torch
from lookalike.index.gpu.rescore import Answer, best_of, exact_values, proven
from lookalike.index.gpu.shortlist import Ranking, Shortlist
from lookalike.index.gpu.source import send

Progress = Callable[[int, int], None]
Tell = Callable[[str], None]

SPARE = 13
"""By how much the first shortlist is longer than the answer."""
WIDENED = 8
"""How many times longer the next one is."""
LONGEST = 4096
"""The longest; what it does not prove is compared in float64 throughout."""


def search(
    base: TorchBase,
    queries: Vectors | torch.Tensor,
    k: int,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> Nearest:
    """Find the k nearest rows of each query; see `nearest_on_torch`.

    Args:
        base: may be searched from many threads.
        queries: shape (Q, D), float32, finite; an array, or there on the device.
        k: at least 1.
        progress: is told how far the first pass is, of how much.
        tell: is told, in a line for people, what went otherwise than planned.
    Raises:
        torch.OutOfMemoryError: when the device's memory runs out.
    """
    N, D = base.shape
    found = _Found.nothing(len(queries), k, base.metric)
    group = base.room.group_queries(D, k + SPARE)
    groups = range(0, len(queries) if N else 0, group)
    with summing_in_full(base.device):
        for n, start in enumerate(groups):
            step = _step(progress, n * N, len(groups) * N)
            some = queries[start : start + group]
            there = some if isinstance(some, torch.Tensor) else send(some, base.device)
            _search_group(base, there, k, found, start=start, step=step, tell=tell)
    return Nearest(found.rows, found.values, proven=1 - found.widened / max(1, len(queries)), widened=found.widened)


@dataclass(slots=True, eq=False)
class _Found:
    """The answer as far as it is known; see `Nearest`."""

    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    widened: int = 0

    @classmethod
    def nothing(cls, Q: int, k: int, metric: Metric) -> _Found:
        worst = -np.inf if metric.higher_is_closer else np.inf
        return cls(np.full((Q, k), -1, np.int64), np.full((Q, k), worst, np.float32))

    def put(self, places: torch.Tensor, answer: Answer, *, start: int) -> None:
        """Take in the answer of some queries: shape (q,), int64, their places from `start` on."""
        to, count = start + places.cpu().numpy(), answer.rows.shape[1]
        self.rows[to, :count], self.values[to, :count] = answer.rows.cpu().numpy(), answer.values.cpu().numpy()


def _search_group(
    base: TorchBase,
    queries: torch.Tensor,
    k: int,
    found: _Found,
    *,
    start: int,
    step: Callable[[int], None] | None,
    tell: Tell | None,
) -> None:
    N, D = base.shape
    left = torch.arange(len(queries), device=base.device)
    length = k + SPARE
    first = True
    while len(left) and length < N and length <= max(LONGEST, k + SPARE):
        unproven = []
        for some in left.split(base.room.group_queries(D, length)):
            answer, sure = _by_shortlist(base, queries[some], k, length=length, step=step if first else None, tell=tell)
            found.put(some[sure], Answer(answer.values[sure], answer.rows[sure]), start=start)
            unproven.append(some[~sure])
        left = torch.cat(unproven)
        found.widened += len(left) if first else 0
        length, first = length * WIDENED, False
    if len(left):
        found.put(left, _by_all(base, queries[left], k, step=step if first else None), start=start)


def _by_shortlist(
    base: TorchBase,
    queries: torch.Tensor,
    k: int,
    *,
    length: int,
    step: Callable[[int], None] | None,
    tell: Tell | None,
) -> tuple[Answer, torch.Tensor]:
    """The best of a shortlist, and shape (q,), bool: of which queries it is proven to be the answer."""
    seen = halves(queries, base.centre_of_queries)
    ranking = Ranking(base.metric, seen)
    shortlist, above = _cuvs_shortlist(base, seen, length, tell) or _shortlist(base, ranking, length, step)
    answer = _rescore(base, shortlist.rows, queries, k)
    sure = proven(
        answer.values[:, -1],
        shortlist.ranks[:, -1],
        queries,
        metric=base.metric,
        scale=ranking.scale,
        above=above,
        centre=base.centre,
    )
    return answer, sure


def _shortlist(
    base: TorchBase, ranking: Ranking, length: int, step: Callable[[int], None] | None
) -> tuple[Shortlist, float]:
    """The rows that rank best, and the bound of the products that they are ranked by."""
    N, D = base.shape
    Q, scale = len(ranking.queries.units), ranking.scale
    at_once, tile_rows = base.room.tile(Q, N, D, length, streamed=base.halves is None)
    parts = [ranking.part(n, n + at_once) for n in range(0, Q, at_once)]
    shortlists = [Shortlist.empty(len(part.queries.units), base.device) for part in parts]
    above = 0.0
    for start, rows in base.tiles(tile_rows):
        above = max(above, bound(ranking.queries, rows))
        for part, shortlist in zip(parts, shortlists, strict=True):
            shortlist.take(part.ranks(rows, scale=scale), start=start, most=length)
        if step is not None:
            step(start + len(rows.units))
    return Shortlist.join(shortlists), above


def _cuvs_shortlist(base: TorchBase, queries: Halves, length: int, tell: Tell | None) -> tuple[Shortlist, float] | None:
    """The same by cuVS; None where it is of no use here."""
    rows = base.halves
    if rows is None or not rapids.is_of_use(base):
        return None
    try:
        return rapids.shortlist_of(rows, queries, most=length), bound(queries, rows)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a library that we cannot test must not stand in the way
        if tell is not None:
            tell(f"cuVS failed ({type(error).__name__}: {error}): compared without it")
        return None


def _rescore(base: TorchBase, rows: torch.Tensor, queries: torch.Tensor, k: int) -> Answer:
    """The best of some rows of each query: shape (q, s), int64."""
    _, D = base.shape
    at_once = max(1, base.room.block_rows(D) // rows.shape[1])
    parts = []
    for n in range(0, len(queries), at_once):
        some = rows[n : n + at_once]
        taken = base.source.take(some.flatten()).reshape(*some.shape, D)
        parts.append(best_of(exact_values(taken, queries[n : n + at_once], base.metric), some, k, base.metric))
    return Answer(torch.cat([part.values for part in parts]), torch.cat([part.rows for part in parts]))


def _by_all(base: TorchBase, queries: torch.Tensor, k: int, *, step: Callable[[int], None] | None) -> Answer:
    """The best of all rows, each compared in float64."""
    N, D = base.shape
    block_rows = min(N, base.room.block_rows(D))
    at_once = max(1, base.room.block_rows(D) // block_rows)
    parts = [slice(n, n + at_once) for n in range(0, len(queries), at_once)]
    answers: list[Answer | None] = [None] * len(parts)
    for start in range(0, N, block_rows):
        block = base.source.block(start, min(N, start + block_rows))
        numbers = torch.arange(start, start + len(block), device=base.device)
        for n, part in enumerate(parts):
            values = exact_values(block[None], queries[part], base.metric)
            rows, before = numbers.expand(len(values), -1), answers[n]
            if before is not None:
                values, rows = torch.cat([before.values, values], dim=1), torch.cat([before.rows, rows], dim=1)
            answers[n] = best_of(values, rows, k, base.metric)
        if step is not None:
            step(start + len(block))
    whole = [answer for answer in answers if answer is not None]
    return Answer(torch.cat([part.values for part in whole]), torch.cat([part.rows for part in whole]))


def _step(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda rows: progress(before + rows, total)
