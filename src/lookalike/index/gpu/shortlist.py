"""The rows that may be among the nearest, by products in half precision, tile by tile.

Of a tile, queries x rows, only its best rows stay, so nothing of size queries x base is ever stored. To find them, the
tile is folded into groups of rows; the largest of each group are found at the speed of the memory, and only the best
groups are looked into. A row of another group cannot be better than the best of each of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.core.metrics import Metric
from lookalike.index.gpu.halves import LOOSE_AT_MOST, Halves, bound, products
from lookalike.index.gpu.library import torch

_GROUP = 32
_IP_SCALE = 2.0**-32
_FAR = 2.0**60
_LOWERED = 1 - 2.0**-20
LEAST = 2.0**-100
"""What may have been lost below the range of float32, relative to the scale of `Ranking`."""


@dataclass(slots=True, eq=False)
class Shortlist:
    """The best rows so far, of some queries.

    Attributes:
        ranks: shape (q, s), float32, best first; what is not here ranks at most as the last.
        rows: shape (q, s), int64.
    """

    ranks: torch.Tensor
    rows: torch.Tensor

    def take(self, ranks: torch.Tensor, *, start: int, most: int) -> None:
        """Merge the ranks of a tile: shape (q, n), of the rows from `start` on; keep `most` at most."""
        best, places = _best(ranks, most)
        self.ranks, order = torch.cat([self.ranks, best.float()], dim=1).topk(
            min(most, self.ranks.shape[1] + best.shape[1]), dim=1
        )
        self.rows = torch.cat([self.rows, places + start], dim=1).gather(1, order)

    @classmethod
    def join(cls, parts: Sequence[Shortlist]) -> Shortlist:
        """Those of some queries after those of others, all of one length."""
        return cls(torch.cat([part.ranks for part in parts]), torch.cat([part.rows for part in parts]))

    @classmethod
    def empty(cls, count: int, device: torch.device) -> Shortlist:
        """Of `count` queries, before the first tile."""
        return cls(
            torch.empty((count, 0), dtype=torch.float32, device=device),
            torch.empty((count, 0), dtype=torch.int64, device=device),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """By what rows are ranked for some queries.

    For the cosine it is the product of the directions; else an upper bound, so that one very long row does not make the
    bound of all others as wide as its own: of |x| q/|q|·x/|x|, or of (|q|² - |q - x|²) / 2 = q·x - |x|²/2.

    Args:
        metric: how near two vectors are.
        queries: seen from the same centre as the rows will be.
    """

    metric: Metric
    queries: Halves

    @property
    def scale(self) -> float:
        """What lengths of rows are divided by before they are float32: a power of two."""
        if self.metric is Metric.INNER_PRODUCT:
            return 1 / _IP_SCALE
        longest = float(self.queries.lengths.amax()) if len(self.queries.lengths) else 0.0
        return math.ldexp(1.0, math.frexp(longest)[1]) if longest > 0 else 1.0

    def part(self, start: int, end: int) -> Ranking:
        """Of some of the queries."""
        return Ranking(self.metric, self.queries.part(start, end))

    def ranks(self, rows: Halves, *, scale: float) -> torch.Tensor:
        """Of each row: shape (q, n), float16 for the cosine, else float32."""
        cosines = products(self.queries.units, rows.units)
        if self.metric is Metric.COSINE:
            return cosines
        # A row so far that this clamps it ranks too high in L2, where it is hopeless, and is not clamped otherwise.
        lengths = (rows.lengths / scale).clamp(max=_FAR).float()
        above = (bound(self.queries, rows) + LOOSE_AT_MOST) * lengths
        ranks = torch.addcmul(above, cosines, lengths)
        if self.metric is Metric.INNER_PRODUCT:
            return ranks
        lengths_of_queries = (self.queries.lengths / scale).float()[:, None]
        return torch.addcmul(lengths.square() * (-0.5 * _LOWERED), ranks, lengths_of_queries)


def _best(ranks: torch.Tensor, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best of a tile, shape (q, min(most, n)), best first, and their places."""
    groups = ranks.shape[1] // _GROUP
    if groups < 2 * most:
        best, places = ranks.topk(min(most, ranks.shape[1]), dim=1)
        return best, places
    # folded[n, j, m]: query n against row j * groups + m
    folded = ranks[:, : groups * _GROUP].unflatten(1, (_GROUP, groups))
    chosen = folded.amax(dim=1).topk(most, dim=1).indices[:, None, :].expand(-1, _GROUP, -1)
    members = torch.arange(_GROUP, device=ranks.device)[None, :, None] * groups + chosen
    rest = torch.arange(groups * _GROUP, ranks.shape[1], device=ranks.device).expand(len(ranks), -1)
    places = torch.cat([members.flatten(1), rest], dim=1)
    best, order = ranks.gather(1, places).topk(most, dim=1)
    return best, places.gather(1, order)
