"""The one pass over all rows that finds the nearest.

A floor under what each query's k-th answer is worth comes first, from a few rows that look near. Every row that can
reach the floor, by an upper bound, is compared in float64; what cannot is left out. The rows come in stretches, each
as long as all before it, and the answers of one raise the floor of the next. So an answer needs no second proof.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.index.shortlist.best import Best
from lookalike.index.shortlist.bounds import Bounds
from lookalike.index.shortlist.codes import Codes
from lookalike.index.shortlist.plain import Plain
from lookalike.index.shortlist.values import exact_values, floors, worst

_QUERIES_AT_ONCE = 256  # make the products fast, and what comes between fits a processor's cache
_FIRST_PAIRS = 1 << 20
_MOST_FIRST_PAIRS = 1 << 22
_LEAST_FIRST, _MOST_FIRST = 4096, 1 << 15
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
        units: the same, scaled to length 1 or 0 for cosine.
        labels: shape (N,), int64: what answers are called; different, not negative.
        centre: shape (D,), float32: somewhere among the vectors.
        codes: of the units; None where they are compared themselves.
        wide: whether products may be too large for float32.
        eligible: shape (N,), bool: which rows may be answered; None for all.
        places: shape (n,): if there are any, only these rows are compared, and `codes`, `labels` and `eligible` are
            already those of the places.
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


def processors() -> int:
    """How many there are to run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    units = normalise(queries) if field.metric is Metric.COSINE else queries
    bounds = _plain(field, units) if field.codes is None else field.codes.asked(units, threads=threads)
    _Scan(field, queries, units, bounds, best).run()


def _plain(field: Field, units: Vectors, places: NDArray[np.intp] | None = None) -> Plain:
    if places is None:
        places = field.places
    elif field.places is not None:
        places = field.places[places]
    rows = field.units if places is None else field.units[places]
    return Plain.of(rows, units, metric=field.metric, centre=field.centre, wide=field.wide)


class _Pairs(NamedTuple):
    """Rows that may be answers. Shapes (P,), sorted by asker, then by place.

    Attributes:
        askers: of the queries.
        places: of the rows, in the field.
        reached: up to which row they are all.
    """

    askers: NDArray[np.intp]
    places: NDArray[np.intp]
    reached: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    field: Field
    queries: Vectors
    units: Vectors
    bounds: Bounds
    best: Best

    def run(self) -> None:
        N, (Q, k) = len(self.field), self.best.labels.shape
        if not Q:
            return
        start, end = 0, min(N, max(_LEAST_FIRST, min(_MOST_FIRST, _FIRST_PAIRS // Q), _GROUP * k))
        least = self._kth_of_some(end)
        better = np.maximum if self.field.metric.higher_is_closer else np.minimum
        while start < N:
            floors_now = self._floors(better(least, self.best.values[:, -1]))
            pairs = _reaching(self.bounds, start, end, floors_now, self.field.eligible)
            if self.field.codes is not None:
                pairs = self._without_crowds(pairs, start, floors_now)
            self._compare(self._sifted(pairs, floors_now))
            start, end = pairs.reached, min(N, 2 * pairs.reached)

    def _kth_of_some(self, end: int) -> NDArray[np.float32]:
        """A value that each query's k-th answer has at least: shape (Q,)."""
        Q, k = self.best.labels.shape
        least = np.full(Q, worst(self.field.metric), np.float32)
        if end < k or (self.best.labels[:, -1] >= 0).all():
            return least
        order = self.bounds.order(0, end)
        if self.field.eligible is not None:
            order[~self.field.eligible[:end]] = -np.inf
        places, eligible = _largest(order, k)
        values = self._values(np.repeat(np.arange(Q), k), places.ravel()).reshape(Q, k)
        values[~eligible] = worst(self.field.metric)
        return np.asarray(values.min(axis=1) if self.field.metric.higher_is_closer else values.max(axis=1))

    def _without_crowds(self, pairs: _Pairs, start: int, floors_now: NDArray[np.float64]) -> _Pairs:
        """The pairs, with those of a query that has very many sifted by nearly tight bounds."""
        Q, k = self.best.labels.shape
        shortlist = _SHORTLIST + _SHORTLIST_PER_ANSWER * k
        counts = np.bincount(pairs.askers, minlength=Q)
        self.best.widened[counts > shortlist] = True
        crowded = counts > _WIDER * shortlist
        if not crowded.any():
            return pairs
        rest = ~crowded[pairs.askers]
        self._compare(_Pairs(pairs.askers[rest], pairs.places[rest], pairs.reached))
        (those,) = np.nonzero(crowded)
        plain, reached = _plain(self.field, self.units[those]), start
        while reached < pairs.reached:
            sifted = _reaching(plain, reached, pairs.reached, floors_now[those], self.field.eligible)
            reached = sifted.reached
            self._compare(sifted._replace(askers=those[sifted.askers]))
            floors_now = np.maximum(floors_now, self._floors(self.best.values[:, -1]))
        return _Pairs(pairs.askers[:0], pairs.places[:0], pairs.reached)

    def _sifted(self, pairs: _Pairs, floors_now: NDArray[np.float64]) -> _Pairs:
        """The pairs, less those that float32 shows to be too far; it is three times as fast as float64."""
        Q, k = self.best.labels.shape
        if self.field.wide or len(pairs.askers) < 2 * k * Q:
            return pairs
        counts = np.bincount(pairs.askers, minlength=Q)
        ends = np.cumsum(counts)
        keep = np.zeros(len(pairs.askers), bool)
        for n in np.flatnonzero(counts):
            begin, end = ends[n] - counts[n], ends[n]
            plain = _plain(self.field, self.units[n : n + 1], pairs.places[begin:end])
            keep[begin + plain.reaching(0, end - begin, floors_now[n : n + 1])] = True
        return _Pairs(pairs.askers[keep], pairs.places[keep], pairs.reached)

    def _compare(self, pairs: _Pairs) -> None:
        if len(pairs.askers):
            values = self._values(pairs.askers, pairs.places)
            self.best.take(pairs.askers, self.field.labels[pairs.places], values)

    def _values(self, askers: NDArray[np.intp], places: NDArray[np.intp]) -> NDArray[np.float32]:
        rows = places if self.field.places is None else self.field.places[places]
        return exact_values(self.field.vectors, rows, self.queries, askers, self.field.metric)

    def _floors(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        l2 = self.field.metric is Metric.L2
        return floors(values, self.queries - self.field.centre if l2 else self.queries, self.field.metric)


def _reaching(
    bounds: Bounds, start: int, end: int, floors_now: NDArray[np.float64], eligible: NDArray[np.bool_] | None
) -> _Pairs:
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
    return _Pairs(all_askers[order], np.concatenate(places)[order], reached)


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
