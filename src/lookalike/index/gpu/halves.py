"""Rows as directions in half precision, and how far from the truth a product of two such directions can be.

A row x is kept as u = float16(x / |x|), beside |x|. float16 has 11 bits where bfloat16 has 8, and a direction needs
none of the range that bfloat16 has instead: at the same speed the bounds are eight times closer.
"""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.index.gpu.library import torch

# What the rounding of a row's length and direction in float32 adds to a product, relative to 1, and what the float32
# arithmetic on the product adds later: some 2^-23 each, taken generously.
_ROUNDED = 2.0**-20
# Tensor cores cut off after each addition instead of rounding (Fasi et al., Numerical behavior of NVIDIA tensor cores,
# 2021): each of D additions loses less than 2^-23 of what is summed so far, which is at most 1.
_SUMMED = 2.0**-23
_OUTPUT = 2.0**-11
"""The product comes out as float16: so much of it may be lost,"""
_OUTPUT_LEAST = 2.0**-25
"""and so much where it is tiny."""


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Rows as directions.

    Attributes:
        units: shape (n, D), float16, of length about 1, or 0.
        residuals: shape (n,), float32: how far each lies from the direction that it stands for.
        lengths: shape (n,), float64, of the rows themselves.
    """

    units: torch.Tensor
    residuals: torch.Tensor
    lengths: torch.Tensor

    def part(self, start: int, end: int) -> Halves:
        """Some that follow each other; views."""
        return Halves(self.units[start:end], self.residuals[start:end], self.lengths[start:end])


def halves(rows: torch.Tensor, centre: torch.Tensor | None) -> Halves:
    """Rows as directions, seen from `centre` (None: from zero).

    Args:
        rows: shape (n, D), float32, finite, of any length.
        centre: shape (D,), float32, not so large that a difference overflows.
    """
    if centre is not None:
        rows = rows - centre
    peaks = rows.abs().amax(dim=1, keepdim=True) if rows.shape[1] else rows.new_zeros(len(rows), 1)
    scaled = rows / torch.where(peaks > 0, peaks, 1)  # so that squares neither overflow nor vanish
    lengths = torch.linalg.vector_norm(scaled, dim=1, keepdim=True, dtype=torch.float64)
    directions = scaled / torch.where(lengths > 0, lengths, 1).float()
    units = directions.half()
    residuals = torch.linalg.vector_norm(directions - units.float(), dim=1)
    return Halves(units, residuals, (lengths * peaks.double())[:, 0])


def bound(queries: Halves, rows: Halves) -> float:
    """How much larger than its `products` the true cosine of one of these and another can be, but for `loosened`.

    From q·x - u·v = (q - u)·x + u·(x - v) for unit vectors q, x and what stands for them, u, v; and the summing.
    """
    q, x = (_largest(some.residuals) for some in (queries, rows))
    D = int(queries.units.shape[1])
    return q + (1.0 + q) * x + (D + 16) * _SUMMED * (1 + q) * (1 + x) + _ROUNDED + _OUTPUT_LEAST


def loosen(products: torch.Tensor) -> torch.Tensor:
    """Products as they may have been before they were rounded to float16: float64."""
    wide: torch.Tensor = products.double()
    return wide + wide.abs() * (_OUTPUT * 1.01)


LOOSE_AT_MOST = _OUTPUT * 1.01
"""What `loosened` adds at most, for products of directions are at most about 1."""


def products(queries: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Products of directions, summed in float32.

    Args:
        queries: shape (q, D), float16.
        rows: shape (n, D), float16.
    Returns:
        shape (q, n), float16.
    """
    if queries.device.type == "cpu":  # some processors would sum in float16
        return (queries.float() @ rows.float().T).half()
    return queries @ rows.T


def _largest(residuals: torch.Tensor) -> float:
    # The norm of a residual is itself computed in float32.
    return float(residuals.amax()) * 1.0001 if len(residuals) else 0.0
