"""Nearest neighbours among arrays: every row is compared, and the answer is that of float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors, as_vectors

DEFAULT_MEMORY_BYTES = 1 << 30
_LEAST_ROWS, _MOST_ROWS = 256, 65_536
_RESCORED_VALUES = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest rows of each query.

    Attributes:
        rows: shape (Q, k), int64, best first, ties to the smaller row, padded with -1.
        values: shape (Q, k), float32: similarities, padded with -inf, or L2 distances, padded with +inf; computed in
            float64 from the vectors as float32.
        proven: share of the queries of which the first shortlist was proven to hold the answer; 1 without queries.
        widened: how many queries needed a wider one.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    proven: float
    widened: int


def nearest(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    k: int,
    *,
    metric: Metric = Metric.COSINE,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    memory_bytes: int | None = None,
) -> Nearest:
    """Find the k nearest rows of each query, without fail.

    Args:
        base: shape (N, D), any real dtype; compared as float32. It is read in pieces, once, from its beginning to its
            end, so that a memory map may be larger than the memory.
        queries: shape (Q, D), any real dtype; compared as float32.
        k: at least 1; may be larger than N.
        metric: how near two vectors are.
        threads: how many to compute with; None for as many as there are processors to run on.
        progress: is told the rows of the base that have been compared, and N, after every piece.
        memory_bytes: how much to take at most, beside the arguments and the answer; None for 1 GiB, or what the queries
            need at least.
    Returns:
        what comparing everything in float64 would give.
    Raises:
        DimensionMismatch: when `base` is not (N, D), or the queries not (Q, D).
        BadVectors: when a value is not a finite real number in float32; names the row.
        BadQuery: when k is less than 1.
        BadInput: when `threads` is less than 1, or `memory_bytes` is less than this takes; names the least.
    """
    base, wanted = _checked(base, queries, k=k, threads=threads)
    N, D = base.shape
    piece_rows = _piece_rows(len(wanted), D, k, memory_bytes)
    rows = np.full((len(wanted), k), -1, np.int64)
    values = np.full((len(wanted), k), -np.inf if metric.higher_is_closer else np.inf, np.float32)
    for start in range(0, N, piece_rows):
        piece = _piece(base, start, min(N, start + piece_rows))
        for n in range(len(wanted)):
            _merge(rows[n], values[n], piece, wanted[n], start=start, metric=metric)
        if progress is not None:
            progress(start + len(piece), N)
    return Nearest(rows, values, proven=1.0, widened=0)


def _checked(
    base: NDArray[np.generic], queries: NDArray[np.generic], *, k: int, threads: int | None
) -> tuple[NDArray[np.generic], Vectors]:
    if k < 1:
        raise BadQuery(f"expected k of at least 1, got {k}")
    if threads is not None and threads < 1:
        raise BadInput(f"expected at least 1 thread, got {threads}")
    base = np.asanyarray(base)
    if base.dtype.kind not in "fiub":
        raise BadVectors(f"expected a base of real numbers, got an array of dtype {base.dtype}")
    if base.ndim != 2:
        raise DimensionMismatch(f"expected a base of shape (N, D), got {base.shape}")
    try:
        return base, as_vectors(queries, dimension=base.shape[1])
    except DimensionMismatch as error:
        raise DimensionMismatch(f"queries: {error}") from error
    except BadVectors as error:
        raise BadVectors(f"queries: {error}") from error


def _piece_rows(Q: int, D: int, k: int, memory_bytes: int | None) -> int:
    """How many rows of the base are taken at once."""
    per_row, fixed = 9 * D + 4, 8 * Q * D + 24 * Q * k
    budget = memory_bytes if memory_bytes is not None else max(DEFAULT_MEMORY_BYTES, fixed + _LEAST_ROWS * per_row)
    rows = (budget - fixed) // per_row
    if rows < _LEAST_ROWS:
        raise BadInput(f"expected a memory budget of at least {fixed + _LEAST_ROWS * per_row} bytes, got {budget}")
    return min(rows, _MOST_ROWS)


def _piece(base: NDArray[np.generic], start: int, end: int) -> Vectors:
    with np.errstate(over="ignore"):
        piece = np.ascontiguousarray(base[start:end], dtype=np.float32)
    if not np.isfinite(piece).all():
        row = start + int(np.flatnonzero(~np.isfinite(piece).all(axis=1))[0])
        raise BadVectors(
            f"base: expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float32"
        )
    return piece


def _merge(
    rows: NDArray[np.int64],
    values: NDArray[np.float32],
    piece: Vectors,
    query: Vectors,
    *,
    start: int,
    metric: Metric,
) -> None:
    """Take the better rows of a piece into the answer of a query."""
    found = exact_values(piece, query, metric)
    all_rows = np.concatenate([rows[rows >= 0], np.arange(start, start + len(piece))])
    all_values = np.concatenate([values[rows >= 0], found])
    order = np.lexsort((all_rows, -all_values if metric.higher_is_closer else all_values))[: len(rows)]
    rows[: len(order)], values[: len(order)] = all_rows[order], all_values[order]


def exact_values(rows: Vectors, query: Vectors, metric: Metric) -> NDArray[np.float32]:
    """Similarities or distances of some rows to a query, in float64, each from its row alone: shape (N,), float32."""
    wanted = query.astype(np.float64)
    values = np.empty(len(rows), np.float32)
    block = max(1, _RESCORED_VALUES // max(1, len(wanted)))
    for start in range(0, len(rows), block):
        some = rows[start : start + block].astype(np.float64)
        values[start : start + block] = _VALUES[metric](some, wanted)
    return values


def _cosines(rows: NDArray[np.float64], query: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.einsum("jd,jd->j", rows, rows)) * np.sqrt(np.einsum("d,d->", query, query))
    cosines: NDArray[np.float64] = np.einsum("jd,d->j", rows, query) / np.where(lengths > 0, lengths, 1)
    return cosines.clip(-1, 1)


def _inner_products(rows: NDArray[np.float64], query: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("jd,d->j", rows, query))


def _distances(rows: NDArray[np.float64], query: NDArray[np.float64]) -> NDArray[np.float64]:
    differences = rows - query
    return np.asarray(np.sqrt(np.einsum("jd,jd->j", differences, differences)))


_VALUES = {Metric.COSINE: _cosines, Metric.INNER_PRODUCT: _inner_products, Metric.L2: _distances}
