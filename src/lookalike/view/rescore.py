"""The exact rescore: what an index that rounds has found is compared again with the vectors that the catalog holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys, Vectors

MARGIN = 8
"""So many more than k are compared again, lest one that an index ranks lower belongs among the first k."""

_WIDER = 4
_ROUNDING = 2.0**-22  # of similarities in float32, the index's and ours


class Stored(NamedTuple):
    """Vectors as they are searched.

    Attributes:
        keys: shape (N,), int64, ascending.
        vectors: shape (N, d), float32.
    """

    keys: Keys
    vectors: Vectors


def rescore(
    query: Vectors,
    k: int,
    *,
    search: Callable[[int], Neighbours],
    stored: Callable[[Keys], Stored],
) -> Neighbours:
    """Answer one query with similarities computed from the vectors themselves.

    An answer that claims to be exact stays so: the k-th similarity found is at least what any vector can have that was
    not compared again; where it is not, more are.

    Args:
        query: shape (1, d), float32, of length 1 or 0.
        k: how many are wanted.
        search: gives that many neighbours of the query.
        stored: the vectors of keys; those that are gone are left out.
    Returns:
        shape (1, k), with `error` 0; keys that are gone by now are left out, and the end is padded.
    """
    depth = k + MARGIN
    while True:
        found = search(depth)
        if found.error == 0:
            return Neighbours(found.keys[:, :k], found.similarities[:, :k], *found[2:])
        keys = found.keys[0][found.keys[0] >= 0]
        rows = stored(keys)
        similarities = _cosines(rows.vectors, query[0])
        order = np.lexsort((rows.keys, -similarities))[:k]
        everything = len(keys) < depth
        if not found.exact or everything or _is_settled(similarities[order], k, found):
            return _answer(rows.keys[order], similarities[order], k, found)
        depth *= _WIDER


def _is_settled(best: Vectors, k: int, found: Neighbours) -> bool:
    """Whether nothing that was not compared again can be as close as the last of the best."""
    return len(best) == k and float(best[-1]) > float(found.similarities[0, -1]) + found.error + _ROUNDING


def _cosines(vectors: Vectors, query: Vectors) -> Vectors:
    """In float64, each from its row alone, so that equal rows tie; 0 where a length is 0."""
    rows, wanted = vectors.astype(np.float64), query.astype(np.float64)
    products = np.einsum("nd,d->n", rows, wanted)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows) * np.einsum("d,d->", wanted, wanted))
    return np.asarray(products / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _answer(keys: Keys, similarities: Vectors, k: int, found: Neighbours) -> Neighbours:
    answered = np.full((1, k), -1, np.int64)
    values = np.full((1, k), -np.inf, np.float32)
    answered[0, : len(keys)], values[0, : len(keys)] = keys, similarities
    return Neighbours(answered, values, exact=found.exact, scanned=found.scanned, plan=found.plan, error=0.0)
