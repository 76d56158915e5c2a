"""What a set of vectors is, and the checks that vectors from outside pass before anything is computed.

`N` items, `D` width, `k` answers throughout the code.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch

Vectors: TypeAlias = NDArray[np.float32]
"""shape (N, D), float32, C-contiguous."""

HalfVectors: TypeAlias = NDArray[np.float16]
"""shape (N, D), float16: how the catalog keeps vectors."""

Keys: TypeAlias = NDArray[np.int64]
"""shape (N,), int64: the numbers by which an index knows images."""

Pixels: TypeAlias = NDArray[np.uint8]
"""shape (H, W, 3), uint8 RGB, C-contiguous, upright."""


_SIGN_AND_LOW_28_BITS = np.int32(~0x70000000)
_WITHIN = 2.0**-23 * (1 + 2.0**-10)  # of 1: the square of a length that `normalise` has made, each number off by 2^-24


def as_vectors(vectors: ArrayLike, *, dimension: int | None = None) -> Vectors:
    """Check vectors from outside and bring them into the one form that is computed with.

    Args:
        vectors: shape (N, D) or (D,), any real dtype.
        dimension: the D that is expected, if one is.
    Returns:
        shape (N, D), float32, C-contiguous; a view where `vectors` already was that, else a new array.
    Raises:
        DimensionMismatch: when the shape is another.
        BadVectors: when a value is not a finite real number.
    """
    array = np.asarray(vectors)
    if array.dtype.kind not in "fiub":
        raise BadVectors(
            f"expected real numbers, got an array of dtype {array.dtype}; convert it first: array.astype('float32')"
        )
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or (dimension is not None and array.shape[1] != dimension):
        wanted = f"(N, {dimension})" if dimension is not None else "(N, D)"
        raise DimensionMismatch(
            f"expected vectors of shape {wanted}, got {tuple(np.shape(vectors))}"
            "; transpose it, or embed with the model of the index"
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise BadVectors(
            f"expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float32"
            "; leave that row out, or scale the vectors"
        )
    return array


def as_keys(keys: ArrayLike) -> Keys:
    """Check keys from outside.

    Args:
        keys: shape (N,), any integer dtype; an empty one may have any.
    Returns:
        shape (N,), int64; a view where `keys` already was that, else a new array.
    Raises:
        BadInput: when they are something else.
    """
    array = np.asarray(keys)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise BadInput(
            f"expected keys, whole numbers of shape (N,), got {array.dtype} of shape {array.shape}"
            "; number the rows: numpy.arange(len(vectors))"
        )
    return array.astype(np.int64, copy=False)


def widen(vectors: HalfVectors) -> Vectors:
    """float16 as float32, exactly, in a third of the time that `astype` takes.

    The 15 bits of exponent and fraction are moved to where float32 has them, which leaves each number 2^112 too small.

    Args:
        vectors: shape (N, D), float16, finite, as the catalog keeps them.
    Returns:
        shape (N, D), float32, C-contiguous, a new array.
    """
    bits = np.ascontiguousarray(vectors, np.float16).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_LOW_28_BITS
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


def narrow(vectors: Vectors) -> HalfVectors:
    """float32 as the catalog keeps it.

    Args:
        vectors: shape (N, D), float32, finite, rows of length 1.
    Returns:
        shape (N, D), float16, a new array.
    """
    return vectors.astype(np.float16)


def normalise(vectors: Vectors) -> Vectors:
    """Scale each row to length 1.

    Args:
        vectors: shape (N, D), float32, not necessarily unit length. Rows of length 0 stay 0.
    Returns:
        shape (N, D), float32, C-contiguous, a new array.
    """
    peak = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scaled = vectors / np.where(peak > 0, peak, 1)  # so that squares neither overflow nor vanish
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled, dtype=np.float64))[:, None]
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def to_unit(vectors: Vectors) -> Vectors:
    """The directions of vectors: rows that have length 1 stay as they are, bit for bit; others are scaled.

    So a vector is scaled once, however many ask for its direction on its way.

    Args:
        vectors: shape (N, D), float32, not necessarily unit length. Rows of length 0 stay 0.
    Returns:
        shape (N, D), float32, rows of length 1 or 0, C-contiguous; `vectors` itself where that is so.
    """
    squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    others = np.flatnonzero(np.abs(squares - 1) > _WITHIN)
    if len(others) == len(vectors):
        return normalise(vectors)
    if len(others):
        vectors = vectors.copy()
        vectors[others] = normalise(vectors[others])
    return np.ascontiguousarray(vectors)


def unit_of_kept(vectors: HalfVectors) -> Vectors:
    """The directions of vectors as a catalog keeps them, of which few have length 1 to the last bit.

    Args:
        vectors: shape (N, D), float16, finite.
    Returns:
        shape (N, D), float32, rows of length 1 or 0, C-contiguous, a new array.
    """
    return to_unit(widen(vectors))
