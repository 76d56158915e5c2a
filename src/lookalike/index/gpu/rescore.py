"""The answer from a shortlist: exact values in float64, and the proof that nothing better was left out."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.core.metrics import Metric
from lookalike.index.gpu.halves import loosen
from lookalike.index.gpu.library import torch
from lookalike.index.gpu.shortlist import LEAST

_FLOAT32 = 2.0**-22
"""More than an exact value can lose by being rounded to float32, relative to it."""
_RANKED = 2.0**-20
"""More than the arithmetic of a rank can lose, relative to it."""


class Answer(NamedTuple):
    """The best rows of some queries: shape (q, k') each, best first, ties to the smaller row."""

    values: torch.Tensor
    rows: torch.Tensor


def exact_values(rows: torch.Tensor, queries: torch.Tensor, metric: Metric) -> torch.Tensor:
    """Similarities, or L2 distances, computed in float64.

    Args:
        rows: shape (q, n, D), float32: of each query its own, or (1, n, D): of all the same.
        queries: shape (q, D), float32.
        metric: how near two vectors are.
    Returns:
        shape (q, n), float32.
    """
    wide, wanted = rows.double(), queries.double()
    if metric is Metric.L2:
        return torch.linalg.vector_norm(wide - wanted[:, None], dim=2).float()
    # q: queries, n: rows, d: coordinates
    values = torch.einsum("qnd,qd->qn", wide.expand(len(wanted), -1, -1), wanted)
    if metric is Metric.COSINE:
        lengths = torch.linalg.vector_norm(wide, dim=2) * torch.linalg.vector_norm(wanted, dim=1)[:, None]
        values = (values / torch.where(lengths > 0, lengths, 1)).clamp(-1, 1)
    return values.float()


def best_of(values: torch.Tensor, rows: torch.Tensor, k: int, metric: Metric) -> Answer:
    """The k best, ties to the smaller row.

    Args:
        values: shape (q, n), float32.
        rows: shape (q, n), int64.
        k: fewer are given where n is less.
        metric: says which way is better.
    """
    rows, order = rows.sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=metric.higher_is_closer, stable=True)
    return Answer(values[:, :k], rows.gather(1, order)[:, :k])


def proven(
    worst: torch.Tensor,
    last_ranks: torch.Tensor,
    queries: torch.Tensor,
    *,
    metric: Metric,
    scale: float,
    above: float,
    centre: torch.Tensor | None,
) -> torch.Tensor:
    """Whether a row that ranks at most as the last of a shortlist must be worse than the k-th answer.

    Args:
        worst: shape (q,), float32: the k-th exact value.
        last_ranks: shape (q,), float32.
        queries: shape (q, D), float32, as they were given.
        metric: how near two vectors are.
        scale: as the ranks were computed with.
        above: the bound of the products, for the cosine, whose ranks do not hold it.
        centre: as the ranks were computed with.
    Returns:
        shape (q,), bool.
    """
    kth, ranks, wide = worst.double(), last_ranks.double(), queries.double()
    if metric is Metric.COSINE:
        return kth > loosen(ranks) + above + _FLOAT32
    if metric is Metric.INNER_PRODUCT:
        most = (ranks + ranks.abs() * _RANKED + LEAST) * scale * torch.linalg.vector_norm(wide, dim=1)
        if centre is not None:
            most = most + wide @ centre.double()
        return kth - kth.abs() * _FLOAT32 > most
    seen = wide if centre is None else wide - centre.double()
    most = (ranks + ranks.abs() * _RANKED + LEAST) * scale * scale
    return kth.square() * (1 + _FLOAT32) < seen.square().sum(dim=1) - 2 * most
