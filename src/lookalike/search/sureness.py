"""Sureness: whether the first hits stand clear of the rest, so that a finer look would hardly change what is found.

The tenth hit is compared with the fiftieth. Where many pictures follow the first ten closely, a finer model puts others
of them first; where there is a step between, it finds the same ones. Of many rules on similarities (of the first hit,
its lead on the second, means, spreads, entropies, confidences) this is as good as any. `benchmarks/tiered` has measured
what it saves and what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST = 10
"""Hits that are to stand clear."""

DEPTH = 50
"""Hits that have to be known."""

MARGIN = 0.115
"""By how much the similarity falls from hit `FIRST` to hit `DEPTH` where the first stand clear, after a projection."""


def is_sure(similarities: Sequence[float], *, projected: bool, margin: float = MARGIN) -> bool | None:
    """Whether the first hits of a search stand clear of the rest.

    Args:
        similarities: cosines of the hits, best first; at least `DEPTH`, or nothing can be said.
        projected: whether they were computed after a projection learnt from the collection. Raw cosines lie closer
            together, and nothing is said of them.
        margin: see `MARGIN`; a larger one is surer, and less often sure.
    Returns:
        None where it cannot be told: with fewer hits, or raw ones.
    """
    if not projected or len(similarities) < DEPTH:
        return None
    return similarities[FIRST - 1] - similarities[DEPTH - 1] >= margin
