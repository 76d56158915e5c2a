"""A projection as a catalog keeps it: one of the numbered versions, the same for whoever makes an index of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class StoredProjection:
    """An affine map that was learnt from a collection's vectors; `lookalike.index.projection` computes with it.

    Attributes:
        mean: shape (D,), float32, D of the model's vectors.
        components: shape (D, d), float32: column j is the j-th direction, its scaling folded in.
        learnt_from: how many vectors there were then; of many, it is learnt from a sample.
        learnt_at: seconds since 1970.
        version: its number, from 1 on; 0 while no catalog holds it.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    learnt_from: int
    learnt_at: float
    version: int = 0
