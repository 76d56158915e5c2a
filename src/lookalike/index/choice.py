"""Which engine is for how many vectors."""

from __future__ import annotations

AUTO, EXACT, FAISS = "auto", "exact", "faiss"

EXACT_UP_TO = 100_000
"""So many vectors are compared one by one in about a millisecond."""

_SHRUNK = 2


def engine_for(N: int, wanted: str) -> str:
    """The engine of a new index.

    Args:
        N: how many vectors there are.
        wanted: `auto`, `exact`, or a factory string of FAISS.
    Returns:
        `exact` or `faiss`.
    """
    if wanted == EXACT or not N:
        return EXACT
    if wanted == AUTO:
        return EXACT if N <= EXACT_UP_TO else FAISS
    return FAISS


def has_outgrown(engine: str, N: int, wanted: str) -> bool:
    """Whether an index of that engine should be made anew by another; with some play, so that it is not done often."""
    if engine == EXACT:
        return engine_for(N, wanted) != EXACT
    return engine_for(N * _SHRUNK, wanted) == EXACT
