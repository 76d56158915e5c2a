"""How many processors each process of a service computes with.

Numerical libraries start as many threads as there are processors, in each process. Several processes that do so wait
for each other. The libraries look into the environment when they are imported, so it must be said before.
"""

from __future__ import annotations

import os

from lookalike.core.processors import available_processors

SMALL_PRODUCTS = "OPENBLAS_NUM_THREADS"
"""NumPy's products are small here: sharing them out costs more than it gains, ever more so on busy processors."""
LARGE_PRODUCTS = "OMP_NUM_THREADS"
"""FAISS and our own exact search share theirs out, when there are processors to share."""


def share_processors(processes: int) -> None:
    """Say to numerical libraries that are not imported yet how many threads to use; what the user has said stays.

    Args:
        processes: among which the processors are shared.
    """
    os.environ.setdefault(SMALL_PRODUCTS, "1")
    os.environ.setdefault(LARGE_PRODUCTS, str(max(1, available_processors() // processes)))
