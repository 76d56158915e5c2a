"""Leave-one-out: every labelled item is a query against all others, by brute force."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Vectors, as_vectors, normalise
from lookalike.evaluation.measures import Measure, Row, means

BLOCK_BYTES = 64 * 2**20  # of similarities at a time


@dataclass(frozen=True)
class LeaveOneOut:
    """What came out.

    Attributes:
        rows: one for each query, by the position of the item.
        skipped: items that are the only one of their label and so had nothing to find.
    """

    rows: Sequence[Row]
    skipped: int

    @property
    def means(self) -> dict[str, float]:
        """Name of a measure -> its mean over all queries; that of `AP` is MAP."""
        return means(self.rows)


def leave_one_out(vectors: ArrayLike, labels: Sequence[Hashable], measures: Sequence[Measure]) -> LeaveOneOut:
    """Ask for each item which others are closest, and count those of its own label as relevant.

    Similarity is cosine, in float32. The whole ranking is used, and of equal similarities the item that stands
    first in `vectors` ranks first. Takes memory for two blocks of `BLOCK_BYTES` besides the vectors, and time
    in proportion to N² (D + log N).

    Args:
        vectors: shape (N, D), any float dtype, not necessarily unit length.
        labels: of length N; items with equal labels should find each other. Alone in its label, an item is
            no query, but stays among the answers to others.
        measures: what to compute.
    Returns:
        a row for each query, the query named by its position (an int), in rising order.
    Raises:
        BadVectors: when `vectors` cannot be used.
        BadInput: when there are not as many labels as vectors.
    """
    unit = normalise(as_vectors(vectors))
    if len(labels) != len(unit):
        raise BadInput(
            f"expected a label for each of the {len(unit)} vectors, got {len(labels)}"
            "; leave out vectors whose label is not known"
        )
    classes = _number(labels)
    relevant = np.bincount(classes, minlength=1)[classes] - 1 if len(classes) else classes
    queries = np.flatnonzero(relevant > 0)
    block = max(1, BLOCK_BYTES // max(unit.itemsize * len(unit), 1))
    rows: list[Row] = []
    for start in range(0, len(queries), block):
        asked = queries[start : start + block]
        for query, ranking in zip(asked.tolist(), _rankings(unit, asked), strict=True):
            hits = classes[ranking] == classes[query]
            found = int(relevant[query])
            rows.append(Row(query, found, {measure.name: measure(hits, relevant=found) for measure in measures}))
    return LeaveOneOut(rows, len(unit) - len(queries))


def _rankings(unit: Vectors, queries: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give shape (len(queries), N - 1): for each query all other positions, the closest first."""
    distances = unit[queries] @ unit.T
    np.negative(distances, out=distances)
    distances[np.arange(len(queries)), queries] = -np.inf  # the query itself comes first, and is cut off
    return np.argsort(distances, axis=1, kind="stable")[:, 1:]


def _number(labels: Sequence[Hashable]) -> NDArray[np.intp]:
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(label, len(numbers)) for label in labels), np.intp, len(labels))
