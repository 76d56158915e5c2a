"""Which recall to ask of an index: what the owner wants, and more while the gauge tells that it is not kept."""

from __future__ import annotations

from lookalike.index.base import Index
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.wish import Wish


class RecallToAsk:
    """Which recall to ask of an index for a search that names none.

    Comparing all is only for who asks for all: an index whose best way falls just short of the wish takes that.

    Args:
        wish: of the owner.
        gauge: measures what users get.
    """

    def __init__(self, wish: Wish, gauge: RecallGauge) -> None:
        self._wish = wish
        self._gauge = gauge
        self._best_ways: tuple[Index | None, float | None] = (None, None)  # the recall of an index's dearest point

    def of(self, index: Index) -> float | None:
        """As `Index.search` takes it: above 0, at most 1; None for what the index was made for."""
        if self._wish.recall == 1:
            return 1.0
        best = self._best_way(index)
        sinking = self._gauge.sinking
        wanted = 1 - (1 - self._wish.recall) / 4 if sinking else self._wish.recall
        if best is None:
            return wanted if sinking else None
        return min(wanted, best)

    def _best_way(self, index: Index) -> float | None:
        known, best = self._best_ways
        if known is not index:
            points = index.parameters.get("points")
            recalls = (
                [point["recall"] for point in points if isinstance(point, dict)] if isinstance(points, list) else []
            )
            best = max((one for one in recalls if isinstance(one, float)), default=None)
            self._best_ways = index, best
        return best
