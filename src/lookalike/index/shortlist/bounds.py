"""What a shortlist is made with: something that knows how near each row can be to each query, at most."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Bounds(Protocol):
    """Upper bounds of the nearness of N rows to Q queries.

    Nearness is q.x for inner product and cosine (of vectors of length 1), and (|q'|^2 - |q - x|^2) / 2 for L2, where
    |q'| is the query's distance from a centre of the rows: `lookalike.index.shortlist.values.floors` knows it.
    """

    @property
    def rows_at_once(self) -> int:
        """How many rows to ask for at once."""
        ...

    def order(self, start: int, end: int) -> NDArray[np.float32]:
        """Numbers by which the rows from `start` to `end` can be sorted, nearer mostly larger; not bounds.

        Returns:
            shape (rows, Q), float32, a new array.
        """
        ...

    def reaching(self, start: int, end: int, floors: NDArray[np.float64]) -> NDArray[np.intp]:
        """The pairs that can be as near as the floor of the query: all that are, and some that are not.

        Args:
            start: of the rows.
            end: of the rows.
            floors: shape (Q,), float64; what is finite is a nearness, -inf lets everything through.
        Returns:
            shape (P,), intp, ascending: (row - start) * Q + query.
        """
        ...
