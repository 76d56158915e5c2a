"""How much an index has changed since it was trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DEAD_AT_MOST = 0.2
_DRIFT_AT_MOST = 1.25
_ADDED_AT_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Wear:
    """What was added since the centroids were learnt, and how well it fits them.

    Attributes:
        at_training: how far training vectors lay from their nearest centroids, on average, as 1 less the similarity;
            0 without centroids.
        measured: how many added vectors were measured likewise.
        distance: the sum of theirs.
        added: how many were added in all.
    """

    at_training: float = 0.0
    measured: int = 0
    distance: float = 0.0
    added: int = 0

    @property
    def drift(self) -> float:
        """How many times as far from their centroids as training vectors the added ones lie; 1 while there is none."""
        if not self.measured or self.at_training <= 0:
            return 1.0
        return self.distance / self.measured / self.at_training

    def with_added(self, added: int, distances: NDArray[np.float64]) -> Wear:
        """Some were added, a sample of which lies so far from the centroids.

        Args:
            added: how many in all.
            distances: shape (S,), float64: of the sample, as `Structure.distances` gives them.
        """
        return Wear(
            self.at_training, self.measured + len(distances), self.distance + float(distances.sum()), self.added + added
        )

    def complaint(self, *, dead_share: float, count: int) -> str:
        """Why the index should be made anew; empty while it is good.

        Args:
            dead_share: of its slots those whose vectors were removed or replaced.
            count: how many vectors it holds.
        """
        if dead_share > _DEAD_AT_MOST:
            return f"{dead_share:.0%} of what it holds was removed or replaced"
        if self.drift > _DRIFT_AT_MOST and self.added > _ADDED_AT_LEAST * count:
            return f"{self.added:,} vectors were added that lie {self.drift:.1f} times as far from its centroids"
        return ""
