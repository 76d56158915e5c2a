"""Nearest neighbours for those who only want neighbours: vectors in, rows and values out, no collection."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lookalike.core.arguments import checks_arguments
from lookalike.core.counts import as_count
from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch
from lookalike.core.metrics import Metric
from lookalike.core.sizes import parse_bytes
from lookalike.neighbours.arrays import VectorSource, is_same, open_vectors
from lookalike.neighbours.compare import check_peer, compare_with_sklearn
from lookalike.neighbours.engine import choose_device, search_rows
from lookalike.neighbours.result import KnnResult

_BYTES_OF_AN_ANSWER = 16  # an index and a value


@checks_arguments(but=("k",))
def knn(
    base: VectorSource,
    queries: VectorSource,
    k: int = 3,
    *,
    metric: str = "cosine",
    device: str = "auto",
    column: str | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    exclude_self: bool = False,
    compare: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> KnnResult:
    """Find the k nearest rows of each query, exactly: every row is compared.

    Args:
        base: shape (N, D): an array, a `.npy` file (memory-mapped, so that it may be larger than the memory) or Parquet
            (read into memory). Any real dtype, compared as it is: float32 and narrower types by their float32 values,
            all others in float64.
        queries: likewise, of the same width; may be the same file or array.
        k: at least 1; where it is larger than N the answer is padded.
        metric: `cosine`, `inner-product` or `l2`.
        device: `auto`, `cpu` or `cuda` (needs the extra `gpu`).
        column: of Parquet: a column of lists of numbers; None for `vector`, else for the only one of that kind.
        memory: to take at most beside arrays, memory maps and the answer, in bytes or as `4G`; each Parquet file may
            take so much too. None for what is convenient.
        threads: on the processor; None for all.
        exclude_self: where queries and base are the same, a row is no neighbour of itself. Others equal to it are.
        compare: `sklearn` lets scikit-learn answer too (needs the extra `compare`), see `KnnResult.comparison`.
        progress: is told how far the search is, of how much.
    Returns:
        rows and values of shape (Q, k), best first, ties to the smaller row, padded with -1; as float64 gives them.
        Where all vectors are of float32 or narrower types, values are rounded to float32, and ties are what is equal
        then.
    Raises:
        BadInput: when a file, a name, a size or a combination cannot be used; when what is asked for does not fit in
            the memory.
        BadQuery: when k is less than 1.
        BadVectors: when values are not finite real numbers, or whole numbers or long doubles that float64 does not hold
            exactly; names the row.
        DimensionMismatch: when an array is not of shape (N, D), or the widths differ.
        MissingExtra: when a library is needed that is not installed.
        StorageFailed: when a file cannot be read.
    """
    wanted_metric = Metric.parse(metric)
    memory_bytes = parse_bytes(memory) if isinstance(memory, str) else memory
    k = as_count(k, name="k")
    if exclude_self and not is_same(base, queries):
        raise BadInput(
            "expected the same base and queries where a row is no neighbour of itself, got two: leave it out"
        )
    if compare is not None:
        check_peer(compare, wanted_metric)
    rows, wanted = _open(base, queries, column=column, memory_bytes=memory_bytes)
    notes: list[str] = []
    if len(wanted) * k > sys.maxsize // _BYTES_OF_AN_ANSWER:  # which is more than an array can be asked to hold
        raise _too_many(len(wanted), k)
    try:
        result = _neighbours(
            rows, wanted, k, metric=wanted_metric, device=device, threads=threads, memory_bytes=memory_bytes,
            exclude_self=exclude_self, progress=progress, notes=notes,
        )  # fmt: skip
    except MemoryError as error:
        raise _too_many(len(wanted), k) from error
    result = replace(
        result, searched=tuple(os.fspath(one) for one in (base, queries) if isinstance(one, str | os.PathLike))
    )
    if compare is None:
        return result
    return replace(
        result,
        comparison=compare_with_sklearn(
            rows, wanted, result.values, metric=wanted_metric, seconds=result.seconds, exclude_self=exclude_self
        ),
    )


def _too_many(queries: int, k: int) -> BadInput:
    return BadInput(f"{queries:,} answers of {k:,} neighbours do not fit in the memory: ask for fewer at a time")


def _open(
    base: VectorSource, queries: VectorSource, *, column: str | None, memory_bytes: int | None
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    rows = open_vectors(base, name="base", column=column, memory_bytes=memory_bytes)
    same = is_same(base, queries)
    wanted = rows if same else open_vectors(queries, name="queries", column=column, memory_bytes=memory_bytes)
    if len(rows) == 0:
        raise BadInput(f"expected a base of at least one row, got shape {rows.shape}; check what has written it")
    if rows.shape[1] != wanted.shape[1]:
        raise DimensionMismatch(
            f"expected queries as wide as the base, {rows.shape[1]} numbers, got {wanted.shape[1]}; embed "
            "both with the same model"
        )
    return rows, wanted


def _neighbours(
    base: NDArray[np.generic],
    queries: NDArray[np.generic],
    k: int,
    *,
    metric: Metric,
    device: str,
    threads: int | None,
    memory_bytes: int | None,
    exclude_self: bool,
    progress: Callable[[int, int], None] | None,
    notes: list[str],
) -> KnnResult:
    eligible = len(base) - exclude_self
    if k > eligible:
        notes.append(f"k is {k:,}, but there are {eligible:,} rows to choose from: the rest is padded")
    on = choose_device(device, multiplications=float(len(base)) * len(queries) * base.shape[1])
    started = time.perf_counter()
    try:
        found = search_rows(
            base, queries, min(k + exclude_self, len(base)), metric=metric, device=on, threads=threads,
            memory_bytes=memory_bytes, progress=progress, tell=notes.append,
        )  # fmt: skip
    except BadVectors as error:
        raise type(error)(f"{error}: leave such rows out, or replace the values") from error
    rows, values = found.rows, found.values
    if exclude_self:
        rows, values = _without_self(rows, values)
    rows, values = _pad(rows, values, k, metric)
    seconds = time.perf_counter() - started
    return KnnResult(
        rows=rows, values=values, metric=metric, device=on, seconds=seconds, proven=found.proven, notes=tuple(notes)
    )


def _without_self(
    rows: NDArray[np.int64], values: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Of k + 1 answers of each row, k without itself; of many equal rows it may not be there: then the last goes."""
    itself = rows == np.arange(len(rows))[:, None]
    itself[~itself.any(axis=1), -1] = True
    shape = (len(rows), rows.shape[1] - 1)
    return rows[~itself].reshape(shape), values[~itself].reshape(shape)


def _pad(
    rows: NDArray[np.int64], values: NDArray[np.floating], k: int, metric: Metric
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    if rows.shape[1] == k:
        return rows, values
    worst = -np.inf if metric.higher_is_closer else np.inf
    all_rows, all_values = np.full((len(rows), k), -1, np.int64), np.full((len(rows), k), worst, values.dtype)
    all_rows[:, : rows.shape[1]], all_values[:, : rows.shape[1]] = rows, values
    return all_rows, all_values
