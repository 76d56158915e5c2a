"""The same question put to another library, on the same arrays, in the same run."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, needing
from lookalike.core.metrics import Metric

PEERS = ("sklearn",)
TOLERANCE = 1e-5
"""By how much values may differ: cosines as they are, squared distances as a share of |q|² + |x|².

Peers compute in float32 and take distances from products, so that small ones lose most of their digits."""

_METRICS = {Metric.COSINE: "cosine", Metric.L2: "euclidean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How another library did.

    Attributes:
        peer: its name and version.
        seconds: that it took, for the same queries.
        speed_up: how many times as long as ours that is.
        agrees: whether all values agree within `tolerance`; rows may differ where vectors are equal.
        largest_difference: of two values, measured as `tolerance` is.
        tolerance: what is taken for equal.
    """

    peer: str
    seconds: float
    speed_up: float
    agrees: bool
    largest_difference: float
    tolerance: float = TOLERANCE


def check_peer(peer: str, metric: Metric) -> None:
    """Refuse, before anything is computed, what could not be compared in the end.

    Raises:
        BadInput: when there is no such peer, or it does not know the metric.
        MissingExtra: when it is not installed.
    """
    if peer not in PEERS:
        raise BadInput(
            f"expected something to compare with, one of {', '.join(PEERS)}, got {peer!r}"
            "; leave it out to compare with nothing"
        )
    if metric not in _METRICS:
        raise BadInput(
            f"expected a metric that scikit-learn knows, {' or '.join(_METRICS)}, got {metric}"
            "; leave the comparison out for this metric"
        )
    with needing("scikit-learn", extra="compare", purpose="comparing with it"):
        import sklearn.neighbors  # noqa: F401  # to see whether it is there


def compare_with_sklearn(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    values: NDArray[np.floating],
    *,
    metric: Metric,
    seconds: float,
    exclude_self: bool,
) -> Comparison:
    """Let `sklearn.neighbors.NearestNeighbors(algorithm="brute")` answer too.

    It gets the arrays in memory, of the type that our values have; bringing them there is not counted.

    Args:
        base: shape (N, D), any real dtype.
        queries: shape (Q, D), any real dtype.
        values: shape (Q, k), any float dtype: our answer; padding is not compared.
        metric: cosine or L2.
        seconds: that our answer took.
        exclude_self: whether the queries are the base and a row is no neighbour of itself.
    Raises:
        BadInput, MissingExtra: see `check_peer`.
    """
    check_peer("sklearn", metric)
    import sklearn
    from sklearn.neighbors import NearestNeighbors

    rows, wanted = (np.array(one, dtype=values.dtype, order="C") for one in (base, queries))
    k = int(np.isfinite(values).sum(axis=1).max(initial=0))
    if k == 0:
        raise BadInput(
            "expected at least one query with a neighbour to compare, got none"
            "; add queries, or lower what leaves rows out"
        )
    started = time.perf_counter()
    search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=_METRICS[metric]).fit(rows)
    theirs, _ = search.kneighbors(None if exclude_self else wanted)
    took = time.perf_counter() - started
    difference = largest_difference(values[:, :k], theirs, wanted, metric)
    return Comparison(
        peer=f"scikit-learn {sklearn.__version__}",
        seconds=took,
        speed_up=took / max(seconds, 1e-9),
        agrees=difference <= TOLERANCE,
        largest_difference=difference,
    )


def largest_difference(
    ours: NDArray[np.floating], their_distances: NDArray[np.floating], queries: NDArray[np.floating], metric: Metric
) -> float:
    """How far two answers are apart at most, rank by rank, as `TOLERANCE` measures it.

    Args:
        ours: shape (Q, k), any float dtype: cosines, or L2 distances.
        their_distances: shape (Q, k), any float dtype: 1 - cosine, or L2 distances.
        queries: shape (Q, D), any float dtype.
        metric: cosine or L2.
    """
    one, other = ours.astype(np.float64), their_distances.astype(np.float64)
    if metric is Metric.COSINE:
        return float(np.abs(one - (1 - other)).max(initial=0))
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)[:, None]
    scale = lengths**2 + (lengths + one) ** 2  # |x| is at most |q| + |q - x|
    return float((np.abs(one**2 - other**2) / np.where(scale > 0, scale, 1)).max(initial=0))
