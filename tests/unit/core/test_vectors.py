"""The checks that vectors from outside pass."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lookalike.core.errors import BadVectors, DimensionMismatch
from lookalike.core.vectors import as_vectors, normalise, widened


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", "bool"])
def test_any_real_dtype_becomes_float32(dtype: str) -> None:
    N, D = 3, 4
    vectors = as_vectors(np.ones((N, D), dtype=dtype))
    assert vectors.dtype == np.float32
    assert vectors.shape == (N, D)
    assert vectors.flags.c_contiguous


def test_one_vector_becomes_one_row_and_lists_are_taken() -> None:
    assert as_vectors([1.0, 2.0, 3.0]).shape == (1, 3)
    assert as_vectors([[1.5, 2.0], [3.0, 4.0]], dimension=2).shape == (2, 2)


def test_what_is_right_already_is_not_copied_and_other_orders_are() -> None:
    right = np.ones((2, 3), dtype=np.float32)
    assert np.shares_memory(as_vectors(right), right)
    assert as_vectors(np.asfortranarray(right)).flags.c_contiguous


def test_no_vectors_at_all_are_vectors() -> None:
    assert as_vectors(np.empty((0, 5)), dimension=5).shape == (0, 5)


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 5), (5,)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DimensionMismatch, match=r"\(N, 3\)"):
        as_vectors(np.zeros(shape), dimension=3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused_with_its_row(value: float) -> None:
    vectors = np.zeros((3, 2))
    vectors[1, 1] = value
    with pytest.raises(BadVectors, match="row 1"):
        as_vectors(vectors)


@pytest.mark.parametrize("values", [["a", "b"], [1 + 2j], [None], [{}]])
def test_what_is_no_number_is_refused(values: Any) -> None:
    with pytest.raises(BadVectors, match="dtype"):
        as_vectors(values)


@given(
    vectors=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_rows_get_length_one_whatever_their_size_unless_they_are_zero(vectors: Any) -> None:
    before = vectors.copy()
    lengths = np.linalg.norm(normalise(vectors).astype(np.float64), axis=1)
    is_zero = ~vectors.any(axis=1)
    assert np.allclose(lengths[~is_zero], 1, atol=1e-5)
    assert not lengths[is_zero].any()
    assert np.array_equal(vectors, before)


def test_normalising_no_rows_gives_no_rows() -> None:
    assert normalise(np.empty((0, 4), dtype=np.float32)).shape == (0, 4)


def test_every_finite_float16_is_widened_exactly() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 4)
    for vectors in (halves, halves[:, ::2], halves.T, halves[:0]):
        wide = widened(vectors)
        assert wide.dtype == np.float32
        assert wide.flags.c_contiguous
        assert np.array_equal(wide.view(np.uint32), np.ascontiguousarray(vectors.astype(np.float32)).view(np.uint32))
