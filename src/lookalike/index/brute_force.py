"""Nearest neighbours among arrays: every row is compared, and the answer is that of float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors, as_vectors, normalise
from lookalike.index.shortlist import codes, plain
from lookalike.index.shortlist.best import Best
from lookalike.index.shortlist.codes import Codes
from lookalike.index.shortlist.product import WIDEST
from lookalike.index.shortlist.scan import Field, at_once, processors, scan_all

DEFAULT_MEMORY_BYTES = 1 << 30

_LEAST_ROWS, _MOST_ROWS = 1024, 1 << 17
_SCRATCH_BYTES = 48 << 20  # of a thread
_WORTH_CODES_ROWS, _WORTH_CODES_QUERIES = 2048, 16
_WRITTEN_AT_ONCE = 4096
_UNIT_WITHIN = 1e-5  # of the square of a length; bounds are wider by more
_SQUARES = 1e-20, 1e30  # of lengths: what lies outside may have lost much to underflow, or all to overflow


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest rows of each query.

    Attributes:
        rows: shape (Q, k), int64, best first, ties to the smaller row, padded with -1.
        values: shape (Q, k), float32 or float64: similarities, padded with -inf, or L2 distances, padded with +inf;
            computed in float64.
        proven: share of the queries of which the first shortlist was proven to hold the answer; 1 without queries.
        widened: how many queries needed a wider one.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.floating]
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
    dtype: type[np.floating] = np.float32,
) -> Nearest:
    """Find the k nearest rows of each query, without fail.

    Args:
        base: shape (N, D), any real dtype; compared as float32. It is read in pieces, once, from its beginning to its
            end, so that a memory map may be larger than the memory.
        queries: shape (Q, D), any real dtype; compared as float32.
        k: at least 1; may be larger than N.
        metric: how near two vectors are.
        threads: how many to compute with; None for as many as there are processors to run on. Where there are few
            queries or rows, so that all products are of float32, numpy's own setting counts.
        progress: is told the rows of the base that have been compared, and N, after every piece.
        memory_bytes: how much to take at most, beside the arguments and the answer; None for 1 GiB, or what the queries
            need at least.
        dtype: of the values; what it cannot tell apart are ties.
    Returns:
        what comparing everything in float64 would give.
    Raises:
        DimensionMismatch: when `base` is not (N, D), or the queries not (Q, D).
        BadVectors: when a value is not a finite real number in float32; names the row.
        BadQuery: when k is less than 1.
        BadInput: when `threads` is less than 1, or `memory_bytes` is less than this takes; names the least.
    """
    if threads is not None and threads < 1:
        raise BadInput(f"expected at least 1 thread, got {threads}; leave it out for one a processor")
    base, wanted = check_rows(base, queries, k=k)
    threads = threads or processors()
    piece_rows = _piece_rows(*wanted.shape, threads=threads, memory_bytes=memory_bytes)
    best = Best.nothing(len(wanted), k, metric, dtype)
    peak = _peak(wanted)
    with ThreadPoolExecutor(threads) as pool:
        for piece in _pieces(base, piece_rows):
            field = _field(piece, metric, queries=len(wanted), peak=peak, pool=pool)
            scan_all([field], wanted, best, block=at_once(min(k, max(1, len(base)))), threads=threads)
            if progress is not None:
                progress(piece.start + len(piece.rows), len(base))
    widened = int(best.widened.sum())
    return Nearest(best.labels, best.values, proven=1 - widened / max(1, len(wanted)), widened=widened)


def check_rows(
    base: NDArray[np.generic], queries: NDArray[np.generic], *, k: int
) -> tuple[NDArray[np.generic], Vectors]:
    """Refuse what cannot be compared; gives the base as an array, and the queries as float32.

    Args:
        base: shape (N, D), any real dtype.
        queries: shape (Q, D), any real dtype.
        k: how many are wanted of each.
    Returns:
        the base, shape (N, D), of its dtype, and the queries, shape (Q, D), float32.
    Raises:
        BadQuery: when k is less than 1.
        BadVectors: when there is something else than real numbers; DimensionMismatch: when the widths differ.
    """
    if k < 1:
        raise BadQuery(f"expected k of at least 1, got {k}; leave it out for the usual 10")
    base = np.asanyarray(base)
    if base.dtype.kind not in "fiub":
        raise BadVectors(
            f"expected a base of real numbers, got an array of dtype {base.dtype}"
            "; convert it first: array.astype('float32')"
        )
    if base.ndim != 2:
        raise DimensionMismatch(
            f"expected a base of shape (N, D), got {base.shape}; flatten each row first: array.reshape(len(array), -1)"
        )
    try:
        return base, as_vectors(queries, dimension=base.shape[1])
    except BadVectors as error:
        raise type(error)(f"queries: {error}") from error


def _piece_rows(Q: int, D: int, *, threads: int, memory_bytes: int | None) -> int:
    """How many rows of the base are taken at once: as float32, of length 1, as codes, and what goes with them."""
    per_row, fixed = 10 * D + 64, 4 * Q * D + threads * _SCRATCH_BYTES
    least = fixed + _LEAST_ROWS * per_row
    budget = max(DEFAULT_MEMORY_BYTES, least) if memory_bytes is None else memory_bytes
    if budget < least:
        raise BadInput(
            f"expected a memory budget of at least {least} bytes for {Q} queries of {D}, got {budget}"
            "; raise it, or search for fewer at a time"
        )
    return min((budget - fixed) // per_row, _MOST_ROWS)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some rows of the base as float32, and the number of the first."""

    rows: Vectors
    start: int


def _pieces(base: NDArray[np.generic], piece_rows: int) -> Iterator[_Piece]:
    for start in range(0, len(base), piece_rows):
        yield _Piece(_as_float32(base[start : start + piece_rows], start), start)


def _as_float32(rows: NDArray[np.generic], start: int) -> Vectors:
    with np.errstate(over="ignore"):
        piece = np.ascontiguousarray(rows, dtype=np.float32)
    for n in range(0, len(piece), _WRITTEN_AT_ONCE):
        finite = np.isfinite(piece[n : n + _WRITTEN_AT_ONCE]).all(axis=1)
        if not finite.all():
            row = start + n + int(np.argmin(finite))
            raise BadVectors(
                f"base: expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float32"
                "; leave that row out, or scale the vectors"
            )
    return piece


def _field(piece: _Piece, metric: Metric, *, queries: int, peak: float, pool: ThreadPoolExecutor) -> Field:
    rows = piece.rows
    units = rows if metric is not Metric.COSINE or not rows.size else _units(rows, pool)
    peaks = (1.0, 1.0) if metric is Metric.COSINE else (peak, _peak(rows))
    worth = len(rows) >= _WORTH_CODES_ROWS and queries >= _WORTH_CODES_QUERIES and rows.shape[1] <= WIDEST
    coded = _codes(units, metric, pool) if worth and _among(codes.VALUES, *peaks) else None
    centre = coded.centre if coded is not None else units[:: max(1, len(units) // 256)].mean(axis=0)
    labels = np.arange(piece.start, piece.start + len(rows), dtype=np.int64)
    return Field(metric, rows, units, labels, centre, coded, wide=not _among(plain.VALUES, *peaks))


def _units(rows: Vectors, pool: ThreadPoolExecutor) -> Vectors:
    """Rows of length 1 or 0: those that are given if they are that already, else a new array."""
    parts = [slice(start, start + _WRITTEN_AT_ONCE) for start in range(0, len(rows), _WRITTEN_AT_ONCE)]
    squares = np.concatenate(list(pool.map(lambda part: _squares(rows[part]), parts)))
    if (np.abs(squares - 1) < _UNIT_WITHIN).all():
        return rows
    units = np.empty_like(rows)
    plain_to_scale = (_SQUARES[0] < squares) & (squares < _SQUARES[1])
    lengths = np.sqrt(np.where(squares > 0, squares, 1))[:, None]

    def write(part: slice) -> None:
        np.divide(rows[part], lengths[part], out=units[part])
        rest = np.flatnonzero(~plain_to_scale[part])
        units[part][rest] = normalise(rows[part][rest])

    list(pool.map(write, parts))
    return units


def _squares(rows: Vectors) -> Vectors:
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("nd,nd->n", rows, rows))


def _codes(units: Vectors, metric: Metric, pool: ThreadPoolExecutor) -> Codes:
    made = Codes.room(units, len(units), metric=metric)
    starts = range(0, len(units), _WRITTEN_AT_ONCE)
    list(pool.map(lambda start: made.write(units[start : start + _WRITTEN_AT_ONCE], start), starts))
    return made


def _peak(vectors: Vectors) -> float:
    return float(max(vectors.max(initial=0), -vectors.min(initial=0)))


def _among(values: tuple[float, float], *peaks: float) -> bool:
    return all(values[0] <= peak <= values[1] for peak in peaks)
