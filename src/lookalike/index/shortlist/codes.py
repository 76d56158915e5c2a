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

Before they are quantised, x' and q' are turned: each sixteen neighbouring coordinates by the same orthogonal matrix (of
Hadamard, +-1/4). That changes no product and no length, but evens out the coordinates, so that the largest one, and
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
from lookalike.index.shortlist.product import ZERO, largest_right, products, reaching

VALUES = 1e-9, 1e6
"""Vectors whose largest value is not among these, unless they are scaled to length 1, are not quantised: float32 could
overflow or underflow."""

_LEVELS = 127
_LEAST_STEP = 1e-18
_ROUNDOFF = 2.0**-24
_ROUNDINGS_BESIDES = 64
_ROWS_AT_ONCE = 512
_PAIRS_AT_ONCE = 1 << 17
_MOST_ROWS_AT_ONCE = 1 << 14
_CENTRE_OF = 4096
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
        """Room for the codes of rows that are like these; they mean nothing until they are written."""
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
        """Quantise rows into those from `start` on."""
        for n in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[n : n + _ROWS_AT_ONCE]
            part = slice(start + n, start + n + len(some))
            self.codes[part], self.weights[part] = _quantised(some, self.centre, self.metric)

    def first(self, count: int) -> Codes:
        """The first rows: a view, with the room behind them."""
        return replace(self, count=count)

    def taken(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> Codes:
        """Some of the rows: a copy."""
        codes = self.codes[: self.count][places]
        return replace(self, codes=codes, weights=self.weights[: self.count][places], count=len(codes))

    def replaced(self, places: NDArray[np.intp], rows: Vectors) -> Codes:
        """A copy with other rows in some places; those that lie behind the end are passed over."""
        changed = replace(self, codes=self.codes.copy(), weights=self.weights.copy())
        there = places < self.count
        changed.codes[places[there]], changed.weights[places[there]] = _quantised(rows[there], self.centre, self.metric)
        return changed

    def asked(self, queries: Vectors, *, threads: int = 1) -> Asked:
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
        codes: shape (D, Q), int8: d.
        parts: shape (4, Q), float64: what the query adds, 1, |q'| + |m| and |q' - q^|.
        steps: t, shape (Q,), float64.
        slack: shape (Q,), float64: what is left of the widening.
        threads: how many to compute with.
    """

    rows: Codes
    codes: NDArray[np.int8]
    parts: NDArray[np.float64]
    steps: NDArray[np.float64]
    slack: NDArray[np.float64]
    threads: int

    @classmethod
    def of(cls, rows: Codes, queries: Vectors, *, threads: int) -> Asked:
        """See `Codes.asked`."""
        centred = queries - rows.centre
        turned = _turned(centred)
        steps, codes = _steps_and_codes(turned, largest_right())
        lengths, length_of_centre = _lengths(centred), float(np.linalg.norm(rows.centre.astype(np.float64)))
        added = np.zeros(len(queries))
        if rows.metric is not Metric.L2:
            added = queries.astype(np.float64) @ rows.centre.astype(np.float64)
        reach = lengths + length_of_centre
        parts = np.stack([added, np.ones(len(queries)), reach, _lengths(turned - steps[:, None] * codes)])
        slack = 4 * _rounding(queries.shape[1]) * reach**2 + _UNDERFLOW
        return cls(rows, np.ascontiguousarray(codes.T.astype(np.int8)), parts, steps.astype(np.float64), slack, threads)

    @property
    def rows_at_once(self) -> int:
        """How many rows to ask for at once, so that what comes between stays in the processor's cache."""
        return min(_MOST_ROWS_AT_ONCE, max(_ROWS_AT_ONCE, _PAIRS_AT_ONCE // max(1, len(self.steps))))

    def order(self, start: int, end: int) -> NDArray[np.float32]:
        """What is nearer is mostly larger: shape (rows, Q), float32, a new array."""
        weights = self.rows.weights[start:end]
        order = products(self.rows.codes[start:end], self.codes)
        np.subtract(order, weights[:, 1:2] / self.steps.astype(np.float32), out=order)
        order /= weights[:, :1]
        return order

    def reaching(self, start: int, end: int, floors: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which pairs can be as near as the floor of the query: see `Bounds`."""
        rows = self.rows
        limits = self._limits(floors)
        return reaching(rows.codes[start:end], self.codes, rows.weights[start:end], limits, threads=self.threads)

    def _limits(self, floors: NDArray[np.float64]) -> NDArray[np.float32]:
        left = floors - self.parts[0]
        with np.errstate(invalid="ignore"):
            left = np.where(np.isfinite(left), left - 8 * _ROUNDOFF * np.abs(left) - self.slack, left)
        limits = np.concatenate([left[None], self.parts[1:]]) / self.steps
        return np.ascontiguousarray(limits, dtype=np.float32)


def _quantised(rows: Vectors, centre: NDArray[np.float32], metric: Metric) -> tuple[NDArray[np.uint8], Vectors]:
    """Codes and weights of some rows."""
    centred = rows - centre
    lengths, length_of_centre = _lengths(centred), float(np.linalg.norm(centre.astype(np.float64)))
    added = -(lengths**2) / 2 if metric is Metric.L2 else (centred @ centre).astype(np.float64)
    rounding = 4 * _rounding(rows.shape[1])
    added += rounding * lengths * (lengths + length_of_centre)
    turned = _turned(centred)
    steps, codes = _steps_and_codes(turned, _LEVELS)
    coded = (codes + np.float32(ZERO)).astype(np.uint8)
    codes *= steps[:, None]
    kept = _lengths(codes)
    turned -= codes
    residuals = _lengths(turned) + rounding * (lengths + length_of_centre)
    weights = np.stack([np.ones(len(rows)), -added, -residuals, -kept * (1 + rounding)], axis=1) / steps[:, None]
    return coded, weights.astype(np.float32)


def _turned(vectors: Vectors) -> Vectors:
    """Sixteen coordinates at a time turned; what is left over stays. A new array."""
    N, D = vectors.shape
    whole = D - D % _TURNED
    turned = vectors.copy()
    turned[:, :whole] = (vectors[:, :whole].reshape(-1, _TURNED) @ _hadamard()).reshape(N, whole)
    return turned


@cache
def _hadamard() -> NDArray[np.float32]:
    signs = np.ones((1, 1), np.float32)
    while len(signs) < _TURNED:
        signs = np.block([[signs, signs], [signs, -signs]])
    return signs / np.float32(4)  # exact, and so is what it multiplies: only the sums are rounded


def _steps_and_codes(centred: Vectors, levels: int) -> tuple[NDArray[np.float32], Vectors]:
    """Shapes (N,) and (N, D), float32: whole numbers of at most `levels`."""
    peaks = np.maximum(centred.max(axis=1, initial=0), -centred.min(axis=1, initial=0))
    steps = np.maximum(peaks / np.float32(levels), np.float32(_LEAST_STEP))
    codes = centred / steps[:, None]
    return steps, np.rint(codes, out=codes)


def _lengths(vectors: Vectors) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", vectors, vectors).astype(np.float64))
    return lengths


def _rounding(D: int) -> float:
    """The g of the module's description."""
    return (D + _ROUNDINGS_BESIDES) * _ROUNDOFF
