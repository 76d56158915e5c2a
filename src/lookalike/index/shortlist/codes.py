"""Vectors as 8-bit codes, and how far their products can be from the truth.

A row x is kept as m + x^ with a centre m and x^ = s c: s = max |x - m| / 127 is the row's step, c = round((x - m) / s)
its codes; a query q likewise as m + q^ with q^ = t d. With x' = x - m and q' = q - m,

    q.x = q'.x' + m.x' + q.m                                   (inner product; cosine, of vectors of length 1)
    (|q'|^2 - |q - x|^2) / 2 = q'.x' - |x'|^2 / 2              (L2)

so in both cases nearness is q'.x' + (something of the row) + (something of the query). And by Cauchy and Schwarz

    q'.x' = q^.x^ + q'.(x' - x^) + (q' - q^).x^ <= s t (c.d) + |q'| |x' - x^| + |q' - q^| |x^|

where c.d is a sum of whole numbers, computed exactly, and the lengths of the residuals are known. So a row can only be
as near as `floor` when

    c.d >= [floor - (of the query) - (of the row) - |q'| |x' - x^| - |q' - q^| |x^|] / (s t)

The right side is a sum of four products of a number of the row and one of the query: `weights` and `limits`.

Before they are quantised, x' and q' are turned: sixteen coordinates at a time, by the same orthogonal matrix, that of
Hadamard with +-1/4. That changes no product and no length, but evens out the coordinates, so that the largest one, and
with it the step and the residual, gets half as large.

All numbers beside c.d are float32. A sum of D products is off by at most g = (D + 64) 2^-24 of the product of the
lengths (Higham, Accuracy and Stability of Numerical Algorithms, 3.1; 64 for the roundings beside it), so everything is
widened by 4 g (|q'| + |m| + |x'|) (|q'| + |m| + |x'|), sorted by rows and queries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors
from lookalike.index.shortlist.product import ZERO, Right, largest_right, products

VALUES = 1e-9, 1e6
"""Vectors whose largest value is not among these, unless they are scaled to length 1, are not quantised: float32 could
overflow or underflow."""

_LEVELS = 127
_LEAST_STEP = 1e-18
_ROUNDOFF = 2.0**-24
_ROUNDINGS_BESIDES = 64
_ROWS_AT_ONCE = 256
_PAIRS_AT_ONCE = 1 << 16
_MOST_ROWS_AT_ONCE = 1 << 14
_CENTRE_OF = 4096
_VALUES_AT_ONCE = 1 << 16
_UNDERFLOW = 1e-30
_TURNED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Rows, quantised for one metric. They take D + 16 bytes each.

    Attributes:
        metric: what nearness means.
        centre: m, shape (D,), float32.
        codes: shape (capacity, D), uint8: 128 + c.
        weights: shape (capacity, 4), float32: 1, what the row adds, |x' - x^| and |x^|, over s; all but the
            first negated.
        count: N, how many rows are meant; there may be room behind them.
    """

    metric: Metric
    centre: NDArray[np.float32]
    codes: NDArray[np.uint8]
    weights: NDArray[np.float32]
    count: int

    def __len__(self) -> int:
        return self.count

    @classmethod
    def room(cls, rows: Vectors, capacity: int, *, metric: Metric) -> Codes:
        """Room for the codes of rows that are like these; they mean nothing until they are written.

        Args:
            rows: shape (n, D), float32.
            capacity: for how many rows.
            metric: what nearness means.
        """
        centre = rows[:: max(1, len(rows) // _CENTRE_OF)].mean(axis=0, dtype=np.float64).astype(np.float32)
        D = rows.shape[1]
        return cls(metric, centre, np.empty((capacity, D), np.uint8), np.empty((capacity, 4), np.float32), capacity)

    @property
    def capacity(self) -> int:
        """How many rows can be written."""
        return len(self.codes)

    @classmethod
    def of(cls, rows: Vectors, *, metric: Metric) -> Codes:
        """Quantise rows.

        Args:
            rows: shape (N, D), N at least 1, float32, finite; for cosine of length 1 or 0, else with the largest value
                among `VALUES`.
            metric: what nearness means.
        """
        made = cls.room(rows, len(rows), metric=metric)
        made.write(rows, 0)
        return made

    def write(self, rows: Vectors, start: int) -> None:
        """Quantise rows into those from `start` on. May run in several threads, for different rows.

        Args:
            rows: shape (n, D), float32.
            start: the place of the first.
        """
        quantiser = _Quantiser(self.centre, self.metric)
        for n in range(0, len(rows), quantiser.rows_at_once):
            some = rows[n : n + quantiser.rows_at_once]
            part = slice(start + n, start + n + len(some))
            self.weights[part] = quantiser.quantise(some, self.codes[part])

    def first(self, count: int) -> Codes:
        """The first rows: a view, with the room behind them."""
        return replace(self, count=count)

    def take(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> Codes:
        """Some of the rows: a copy.

        Args:
            places: shape (M,), intp, those rows; or shape (N,), bool, which rows.
        """
        codes = self.codes[: self.count][places]
        return replace(self, codes=codes, weights=self.weights[: self.count][places], count=len(codes))

    def replace(self, places: NDArray[np.intp], rows: Vectors) -> Codes:
        """A copy with other rows in some places; those that lie behind the end are passed over.

        Args:
            places: shape (n,), intp.
            rows: shape (n, D), float32: those that belong there.
        """
        changed = replace(self, codes=self.codes.copy(), weights=self.weights.copy())
        quantiser, there = _Quantiser(self.centre, self.metric), np.flatnonzero(places < self.count)
        for n in range(0, len(there), quantiser.rows_at_once):
            some = there[n : n + quantiser.rows_at_once]
            codes = np.empty((len(some), len(self.centre)), np.uint8)
            changed.weights[places[some]] = quantiser.quantise(rows[some], codes)
            changed.codes[places[some]] = codes
        return changed

    def quantise_queries(self, queries: Vectors, *, threads: int = 1) -> Asked:
        """Quantise queries, which must satisfy what the rows do.

        Args:
            queries: shape (Q, D), float32.
            threads: how many to compute with.
        """
        return Asked.of(self, queries, threads=threads)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Codes with queries put to them: how near each row can be at most. See `lookalike.index.shortlist.bounds.Bounds`.

    Attributes:
        rows: the codes.
        queries: d, shape (D, Q).
        parts: shape (4, Q), float64: what the query adds, 1, |q'| + |m| and |q' - q^|.
        steps: t, shape (Q,), float64.
        slack: shape (Q,), float64: what is left of the widening.
    """

    rows: Codes
    queries: Right
    parts: NDArray[np.float64]
    steps: NDArray[np.float64]
    slack: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Codes, queries: Vectors, *, threads: int) -> Asked:
        """See `Codes.asked`.

        Args:
            rows: that are asked.
            queries: shape (Q, D), float32, as `Codes.asked` takes them.
            threads: that compute.
        """
        centred = queries - rows.centre
        lengths, length_of_centre = _lengths(centred), float(np.linalg.norm(rows.centre.astype(np.float64)))
        added = np.zeros(len(queries))
        if rows.metric is not Metric.L2:
            added = queries.astype(np.float64) @ rows.centre.astype(np.float64)
        turned = _turn(centred, np.empty_like(centred))
        steps = _steps(turned, largest_right())
        codes = np.rint(turned / steps[:, None])
        reach = lengths + length_of_centre
        parts = np.stack([added, np.ones(len(queries)), reach, _lengths(turned - steps[:, None] * codes)])
        slack = 4 * _rounding(queries.shape[1]) * reach**2 + _UNDERFLOW
        right = Right(np.ascontiguousarray(codes.T.astype(np.int8)), threads=threads)
        return cls(rows, right, parts, steps.astype(np.float64), slack)

    @property
    def rows_at_once(self) -> int:
        """How many rows to ask for at once, so that what comes between stays in the processor's cache."""
        return min(_MOST_ROWS_AT_ONCE, max(_ROWS_AT_ONCE, _PAIRS_AT_ONCE // max(1, len(self.steps))))

    def order(self, start: int, end: int) -> NDArray[np.float32]:
        """What is nearer is mostly larger: shape (rows, Q), float32, a new array."""
        weights = self.rows.weights[start:end]
        order = products(self.rows.codes[start:end], self.queries.codes)
        np.subtract(order, weights[:, 1:2] / self.steps.astype(np.float32), out=order)
        order /= weights[:, :1]
        return order

    def reaching(self, start: int, end: int, floors: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which pairs can be as near as the floor of the query: see `Bounds`."""
        codes, weights = self.rows.codes[start:end], self.rows.weights[start:end]
        return self.queries.reaching(codes, weights, self._limits(floors))

    def _limits(self, floors: NDArray[np.float64]) -> NDArray[np.float32]:
        left = floors - self.parts[0]
        with np.errstate(invalid="ignore"):
            left = np.where(np.isfinite(left), left - 8 * _ROUNDOFF * np.abs(left) - self.slack, left)
        limits = np.concatenate([left[None], self.parts[1:]]) / self.steps
        return np.ascontiguousarray(limits, dtype=np.float32)


class _Quantiser:
    """Quantises some rows at a time in memory of its own: to ask for new memory takes longer than to compute."""

    def __init__(self, centre: NDArray[np.float32], metric: Metric) -> None:
        D = len(centre)
        self.rows_at_once = max(1, _VALUES_AT_ONCE // max(1, D))
        self._centre, self._metric = centre, metric
        self._length_of_centre = float(np.linalg.norm(centre.astype(np.float64)))
        self._rounding = 4 * _rounding(D)
        self._scratch = np.empty((2, self.rows_at_once, D), np.float32)

    def quantise(self, rows: Vectors, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Write the codes of at most `rows_at_once` rows, and give their weights: shape (rows, 4)."""
        one, other = self._scratch[:, : len(rows)]
        np.subtract(rows, self._centre, out=one)
        lengths = _lengths(one)
        added = -(lengths**2) / 2 if self._metric is Metric.L2 else (one @ self._centre).astype(np.float64)
        added += self._rounding * lengths * (lengths + self._length_of_centre)
        turned, whole = _turn(one, other), one
        steps = _steps(turned, _LEVELS)
        np.rint(np.divide(turned, steps[:, None], out=whole), out=whole)
        whole += np.float32(ZERO)
        codes[...] = whole
        whole -= np.float32(ZERO)
        whole *= steps[:, None]
        kept = _lengths(whole) * (1 + self._rounding)
        turned -= whole
        residuals = _lengths(turned) + self._rounding * (lengths + self._length_of_centre)
        return np.stack([np.ones(len(rows)), -added, -residuals, -kept], axis=1) / steps[:, None]


def _turn(vectors: Vectors, out: Vectors) -> Vectors:
    """Sixteen coordinates at a time turned; what is left over stays.

    Args:
        vectors: shape (N, D), C-contiguous.
        out: likewise, to write into.
    Returns:
        `out`.
    """
    N, D = vectors.shape
    apart = D // _TURNED
    whole = apart * _TURNED
    if apart:
        np.matmul(
            _hadamard(), vectors[:, :whole].reshape(N, _TURNED, apart), out=out[:, :whole].reshape(N, _TURNED, apart)
        )
    out[:, whole:] = vectors[:, whole:]
    return out


@cache
def _hadamard() -> NDArray[np.float32]:
    signs = np.ones((1, 1), np.float32)
    while len(signs) < _TURNED:
        signs = np.block([[signs, signs], [signs, -signs]])
    return signs / np.float32(4)  # exact, and so is what it multiplies: only sums are rounded


def _steps(vectors: Vectors, levels: int) -> NDArray[np.float32]:
    """What the largest coordinate of each takes `levels` of: shape (N,)."""
    peaks = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
    steps: NDArray[np.float32] = np.maximum(peaks / np.float32(levels), np.float32(_LEAST_STEP))
    return steps


def _lengths(vectors: Vectors) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", vectors, vectors).astype(np.float64))
    return lengths


def _rounding(D: int) -> float:
    """The g of the module's description."""
    return (D + _ROUNDINGS_BESIDES) * _ROUNDOFF
