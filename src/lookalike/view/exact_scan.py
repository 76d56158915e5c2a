"""All of the catalog's vectors compared one by one: what an index that lives elsewhere is held against."""

from __future__ import annotations

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.records import Neighbours
from lookalike.core.saying import exact_plan
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.projection import Projection
from lookalike.view.as_searched import as_searched

ROUNDING = 2.0**-20
"""How far a similarity can be off, for it is a sum in float32."""


def scan(
    catalog: Catalog, projection: Projection | None, queries: Vectors, k: int, *, among: Keys | None = None
) -> Neighbours:
    """Find the k nearest of each query by reading the whole catalog once.

    Args:
        catalog: the truth.
        projection: that the queries have passed, and the vectors are to pass.
        queries: shape (Q, d), float32, of length 1 or 0.
        k: at least 1.
        among: shape (A,), int64: only these may be answered; None for all.
    Returns:
        best first, ties to the smaller key, exact but for `ROUNDING`.
    """
    keys, values = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32)
    scanned = 0
    for stored in catalog.all_vectors():
        some, rows = stored.keys, as_searched(stored, projection)
        if among is not None:
            there = np.isin(some, among)
            some, rows = some[there], rows[there]
        scanned += len(some)
        if len(some):
            keys, values = best_of(keys, values, some, queries @ rows.T)
    plan = exact_plan(None if among is None else scanned)
    return Neighbours(keys, values, exact=True, scanned=scanned, plan=plan, error=ROUNDING)


def best_of(keys: Keys, values: Vectors, some: Keys, similarities: Vectors) -> tuple[Keys, Vectors]:
    """The best of some neighbours and of more.

    Args:
        keys: shape (Q, k), int64, of those so far, padded with -1.
        values: their similarities, shape (Q, k), float32, padded with -inf.
        some: keys, shape (N,), int64, none of which is among the others.
        similarities: shape (Q, N), float32: [q, n] is that of query q and some[n].
    Returns:
        keys, shape (Q, k), int64, and similarities, shape (Q, k), float32, best first, ties to the smaller key.
    """
    k = keys.shape[1]
    all_keys = np.hstack([keys, np.broadcast_to(some, similarities.shape)])
    all_values = np.hstack([values, similarities])
    best = np.lexsort((all_keys, -all_values), axis=1)[:, :k]
    return np.take_along_axis(all_keys, best, axis=1), np.take_along_axis(all_values, best, axis=1)
