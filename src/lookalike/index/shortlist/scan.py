"""The one pass over all rows that finds the nearest.

A floor under what each query's k-th answer is worth comes first, from a few rows that look near. Every row that can
reach the floor, by an upper bound, is compared in float64; what cannot is left out. The rows come in stretches, each
at least as long as all before it, and the answers of one raise the floor of the next. So no answer needs another proof.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.processors import available_processors
from lookalike.core.vectors import Keys, Vectors, to_unit
from lookalike.index.shortlist.best import Best
from lookalike.index.shortlist.bounds import Bounds
from lookalike.index.shortlist.plain import Plain
from lookalike.index.shortlist.sieve import Pairs, Sieve
from lookalike.index.shortlist.values import ExactValues, floors

if TYPE_CHECKING:
    from lookalike.index.shortlist.codes import Codes

_QUERIES_AT_ONCE = 256  # make the products fast, and what comes between fits a processor's cache
_MOST_FIRST_PAIRS = 1 << 22
_FIRST_ROWS = 8192
_GROWTH = 2  # more stretches raise the floors sooner, which spares more than a stretch costs, of one query as of many
_SHORTLIST, _SHORTLIST_PER_ANSWER = 64, 4
_WIDER = 16
_MOST_PENDING = 1 << 18
_GROUP = 32


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The rows that are searched.

    Attributes:
        metric: how near two vectors are.
        vectors: shape (N, D), float32: of which values are computed.
        units: shape (N, D), float32: the same, scaled to length 1 or 0 for cosine.
        labels: shape (N,), int64: what answers are called; different, not negative.
        centre: shape (D,), float32: somewhere among the vectors.
        codes: of the units; None where they are compared themselves.
        wide: whether products may be too large for float32.
        eligible: shape (N,), bool: which rows may be answered; None for all.
        places: shape (n,), intp: if there are any, only these rows are compared, and `codes`, `labels` and `eligible`
            are already those of the places.
    """

    metric: Metric
    vectors: Vectors
    units: Vectors
    labels: Keys
    centre: NDArray[np.float32]
    codes: Codes | None = None
    wide: bool = False
    eligible: NDArray[np.bool_] | None = None
    places: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self) -> Vectors:
        """The units that are compared, shape (n, D), float32: a copy where there are places."""
        return self.units if self.places is None else self.units[self.places]


def processors() -> int:
    """How many to compute with: those there are to run on, or as many as `OMP_NUM_THREADS` says where those are fewer.

    That variable is the one by which numerical libraries are told so, where several processes share a machine.
    """
    there = available_processors()
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, max(1, int(said))) if said.isascii() and said.isdigit() else there


def at_once(k: int) -> int:
    """How many queries to scan for at once, so that it takes not more than about 48 MiB."""
    return max(1, min(_QUERIES_AT_ONCE, _MOST_FIRST_PAIRS // (_GROUP * k)))


def scan_all(fields: Sequence[Field], queries: Vectors, best: Best, *, block: int, threads: int) -> None:
    """Scan fields for any number of queries; see `scan`.

    Args:
        fields: one after another.
        queries: shape (Q, D), float32.
        best: of these queries; changed.
        block: how many queries at once; blocks are done side by side, and the products of a single one are shared out.
        threads: how many to compute with.
    """
    starts = range(0, len(queries), block)
    each = threads if len(starts) == 1 else 1

    def answer(start: int) -> None:
        part = slice(start, start + block)
        for field in fields:
            scan(field, queries[part], best.part(part), threads=each)

    if threads == 1 or len(starts) < 2:
        for start in starts:
            answer(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(answer, starts))


def scan(field: Field, queries: Vectors, best: Best, *, threads: int) -> None:
    """Take the answers of a field into those that are known.

    Args:
        field: of which no label is among the answers yet.
        queries: shape (Q, D), float32; at most `at_once`.
        best: of these queries; changed.
        threads: how many to compute products of codes with.
    """
    units = to_unit(queries) if field.metric is Metric.COSINE else queries
    bounds = (
        _plain(field, field.take(), units)
        if field.codes is None
        else field.codes.quantise_queries(units, threads=threads)
    )
    sieve = Sieve(field.metric, field.units, units - field.centre if field.metric is Metric.L2 else units, field.centre)
    exact = ExactValues(field.vectors, queries, field.metric)
    _Scan(field, units, bounds, sieve, exact, best).run()


def _plain(field: Field, rows: Vectors, units: Vectors) -> Plain:
    return Plain.of(rows, units, metric=field.metric, centre=field.centre, wide=field.wide)


class _Reaching(NamedTuple):
    """Rows that may be answers. Shapes (P,).

    Attributes:
        askers: of the queries, ascending.
        places: of the rows, in the field.
        end: up to which row they are all.
    """

    askers: NDArray[np.intp]
    places: NDArray[np.intp]
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    field: Field
    units: Vectors
    bounds: Bounds
    sieve: Sieve
    exact: ExactValues
    best: Best

    def run(self) -> None:
        N, (Q, k) = len(self.field), self.best.labels.shape
        if not Q:
            return
        start, end = 0, min(N, max(_FIRST_ROWS, _GROUP * k))
        least = np.maximum(self._floors(), self._kth_of_some(end))
        waiting = Pairs.none()
        while start < N:
            reaching = _reaching(self.bounds, start, end, least, self.field.eligible)
            if self.field.codes is None:
                self._compare(reaching.askers, reaching.places)
            else:
                reaching = self._without_crowds(reaching, start, least)
                waiting = waiting.and_those(self._sieve(reaching.askers, reaching.places))
                least = np.maximum(least, waiting.kth_low(Q, k))
                waiting = waiting.among(waiting.high >= least[waiting.askers])
            if len(waiting) > _MOST_PENDING:
                self._compare(waiting.askers, waiting.places)
                waiting = Pairs.none()
            least = np.maximum(least, self._floors())
            start, end = reaching.end, min(N, _GROWTH * reaching.end)
        self._compare(waiting.askers, waiting.places)

    def _kth_of_some(self, end: int) -> NDArray[np.float64]:
        """How near the k-th answer of each query is at least: shape (Q,)."""
        Q, k = self.best.labels.shape
        if end < k or self.field.wide or (self.best.labels[:, -1] >= 0).all():
            return np.full(Q, -np.inf)
        order = self.bounds.order(0, end)
        if self.field.eligible is not None:
            order[~self.field.eligible[:end]] = -np.inf
        places, eligible = _largest(order, k)
        askers = np.repeat(np.arange(Q), k)
        return self._sieve(askers, places.ravel()).among(eligible.ravel()).kth_low(Q, k)

    def _without_crowds(self, reaching: _Reaching, start: int, least: NDArray[np.float64]) -> _Reaching:
        """The pairs, less those of a query that has very many: its rows are compared by nearly tight bounds."""
        Q, k = self.best.labels.shape
        shortlist = _SHORTLIST + _SHORTLIST_PER_ANSWER * k
        counts = np.bincount(reaching.askers, minlength=Q)
        self.best.widened[counts > shortlist] = True
        (those,) = np.nonzero(counts > _WIDER * shortlist)
        if not len(those):
            return reaching
        plain, end = _plain(self.field, self.field.take(), self.units[those]), start
        while end < reaching.end:
            near = _reaching(plain, end, reaching.end, np.maximum(least, self._floors())[those], self.field.eligible)
            self._compare(those[near.askers], near.places)
            end = near.end
        rest = ~np.isin(reaching.askers, those)
        return _Reaching(reaching.askers[rest], reaching.places[rest], reaching.end)

    def _sieve(self, askers: NDArray[np.intp], places: NDArray[np.intp]) -> Pairs:
        return self.sieve.compare(askers, places, self._rows(places))

    def _compare(self, askers: NDArray[np.intp], places: NDArray[np.intp]) -> None:
        if len(askers):
            with np.errstate(over="ignore"):  # an inner product may be too large for float32
                values = self.exact.of(self._rows(places), askers).astype(self.best.values.dtype)
            self.best.take(askers, self.field.labels[places], values)

    def _rows(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        return places if self.field.places is None else self.field.places[places]

    def _floors(self) -> NDArray[np.float64]:
        return floors(self.best.values[:, -1], self.sieve.queries, self.field.metric)


def _reaching(
    bounds: Bounds, start: int, end: int, floors_now: NDArray[np.float64], eligible: NDArray[np.bool_] | None
) -> _Reaching:
    """The pairs that can reach their floors, up to `end` or until there are many."""
    Q, count = len(floors_now), 0
    askers, places = [], []
    for begin in range(start, end, bounds.rows_at_once):
        reached = min(end, begin + bounds.rows_at_once)
        rows, of = np.divmod(bounds.reaching(begin, reached, floors_now), Q)
        rows += begin
        if eligible is not None:
            may = eligible[rows]
            rows, of = rows[may], of[may]
        askers.append(of)
        places.append(rows)
        count += len(rows)
        if count > _MOST_PENDING:
            break
    all_askers = np.concatenate(askers)
    order = np.argsort(all_askers.astype(np.uint16), kind="stable")  # of 16 bits it is a radix sort
    return _Reaching(all_askers[order], np.concatenate(places)[order], reached)


def _largest(order: NDArray[np.floating], k: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Places of k large numbers of each column, and which of them are finite: shapes (Q, k).

    They are the largest of k groups, mostly the k largest: one group may hold two of those.
    """
    group = max(1, min(_GROUP, len(order) // (8 * k)))
    groups = len(order) // group
    # grouped[g, i, n]: place g * group + i of query n
    grouped = order[: groups * group].reshape(groups, group, -1)
    peaks = np.ascontiguousarray(grouped.max(axis=1).T)
    chosen = np.argpartition(peaks, groups - k, axis=1)[:, groups - k :]
    columns = np.arange(peaks.shape[0])[:, None]
    within = grouped[chosen, :, columns].argmax(axis=2)
    return chosen * group + within, np.isfinite(np.take_along_axis(peaks, chosen, axis=1))
