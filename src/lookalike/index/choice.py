"""Which engine is for how many vectors."""

from __future__ import annotations

from importlib.util import find_spec

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
        `exact` or `faiss`; left to itself, only what is installed.
    """
    if wanted == EXACT or not N:
        return EXACT
    if wanted == AUTO:
        return FAISS if N > EXACT_UP_TO and _has_faiss() else EXACT
    return FAISS


def has_outgrown(engine: str, N: int, wanted: str) -> bool:
    """Whether an index of that engine should be made anew by another; with some play, so that it is not done often."""
    if engine == EXACT:
        return engine_for(N, wanted) != EXACT
    return engine_for(N * _SHRUNK, wanted) == EXACT


def _has_faiss() -> bool:
    return find_spec("faiss") is not None
