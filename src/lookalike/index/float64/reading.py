"""Which numbers need float64, and reading them as that: exactly, or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadVectors

_NARROW = (np.float32, np.float16, np.int8, np.uint8, np.bool_)
_VALUES_AT_ONCE = 1 << 22
_LARGEST = 1e307
"""Of larger values not even the difference is sure to fit into float64."""


def is_wide(array: NDArray[np.generic]) -> bool:
    """Whether its type is compared in float64 throughout. The others have so few digits that float32 holds them.

    Args:
        array: shape (...), any dtype.
    """
    return array.dtype.newbyteorder("=") not in [np.dtype(one) for one in _NARROW]


def fits_float32(array: NDArray[np.generic]) -> bool:
    """Whether float32 holds every value exactly. Reads as far as the first piece that does not fit.

    Args:
        array: shape (N, D), any real dtype.
    """
    if not is_wide(array):
        return True
    step = max(1, _VALUES_AT_ONCE // max(1, array.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        return all(_fits(array[start : start + step]) for start in range(0, len(array), step))


def as_float64(rows: NDArray[np.generic], *, name: str, start: int = 0) -> NDArray[np.float64]:
    """Rows as float64.

    Args:
        rows: shape (n, D), any real dtype.
        name: for errors.
        start: the number of the first row, for errors.
    Returns:
        shape (n, D), float64; a view where they are that already.
    Raises:
        BadVectors: when a value is not finite, or float64 does not hold it exactly; names the row.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.ascontiguousarray(rows, dtype=np.float64)
        good = np.abs(wide) <= _LARGEST
    if not good.all():
        row = start + int(np.argmin(good.all(axis=1)))
        raise BadVectors(
            f"{name}: expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float64"
            "; leave that row out, or scale the vectors"
        )
    exact = _is_exact(rows, wide)
    if not exact.all():
        row, column = np.argwhere(~exact)[0]
        raise BadVectors(
            f"{name}: expected numbers that float64 holds exactly, but row {start + row} holds {rows[row, column]!s}; "
            "subtract what is common to all, or round with astype('float64') where that does no harm"
        )
    return wide


def _fits(part: NDArray[np.generic]) -> bool:
    if part.dtype.kind in "iu":
        return bool((np.abs(part.astype(np.float64)) <= 2.0**24).all())
    return bool((part.astype(np.float32) == part).all())


def _is_exact(rows: NDArray[np.generic], wide: NDArray[np.float64]) -> NDArray[np.bool_]:
    if rows.dtype.kind == "f" and rows.dtype.itemsize > 8:
        return np.asarray(wide.astype(rows.dtype) == rows)
    if rows.dtype.kind in "iu" and rows.dtype.itemsize == 8:
        # a whole number is held exactly where its digits, without the zeros at the end, are at most 53
        size = np.where(rows < 0, -rows.view(np.int64).astype(np.uint64), rows.astype(np.uint64))  # type: ignore[operator]
        lowest = size & (~size + np.uint64(1))
        return np.asarray(size // np.maximum(lowest, np.uint64(1)) <= np.uint64(1 << 53))
    return np.ones(rows.shape, bool)
