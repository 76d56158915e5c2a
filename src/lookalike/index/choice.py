"""Which engine is for how many vectors."""

from __future__ import annotations

AUTO, EXACT, FAISS, GPU = "auto", "exact", "faiss", "gpu"

ONE_BY_ONE = frozenset({EXACT, GPU})
"""Engines that compare every vector, and grow from nothing: there is nothing to build. They are had where their owner
names them; of them, `auto` takes `exact` alone: a card's memory is not ours to take unasked."""

EXACT_UP_TO = 100_000
"""So many vectors are compared one by one in about a millisecond."""

_SHRUNK = 2


def engine_for(N: int, wanted: str) -> str:
    """The engine of a new index.

    Args:
        N: how many vectors there are.
        wanted: `auto`, `exact`, `gpu`, or a factory string of FAISS.
    Returns:
        one of `ONE_BY_ONE`, or `faiss`.
    """
    if wanted in ONE_BY_ONE:
        return wanted
    if not N:
        return EXACT
    if wanted == AUTO:
        return EXACT if N <= EXACT_UP_TO else FAISS
    return FAISS


def has_outgrown(engine: str, N: int, wanted: str) -> bool:
    """Whether an index of that engine should be made anew by another; with some play, so that it is not done often."""
    if engine in ONE_BY_ONE or wanted in ONE_BY_ONE:
        return engine_for(N, wanted) != engine
    return engine_for(N * _SHRUNK, wanted) == EXACT
