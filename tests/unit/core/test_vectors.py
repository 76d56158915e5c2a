"""The checks that vectors from outside pass."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lookalike.core.errors import BadVectors, DimensionMismatch
from lookalike.core.vectors import as_vectors, normalise, to_unit, unit_of_kept, widen


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


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROWS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FINITE)


@given(vectors=ROWS)
def test_rows_get_length_one_whatever_their_size_unless_they_are_zero(vectors: Any) -> None:
    before = vectors.copy()
    lengths = np.linalg.norm(normalise(vectors).astype(np.float64), axis=1)
    is_zero = ~vectors.any(axis=1)
    assert np.allclose(lengths[~is_zero], 1, atol=1e-5)
    assert not lengths[is_zero].any()
    assert np.array_equal(vectors, before)


@given(vectors=ROWS)
def test_what_has_length_one_already_stays_as_it_is_bit_for_bit(vectors: Any) -> None:
    units = normalise(vectors)
    assert to_unit(units).tobytes() == units.tobytes()
    assert to_unit(vectors).tobytes() == to_unit(to_unit(vectors)).tobytes()


@pytest.mark.parametrize("D", [1, 2, 128, 1280])
def test_a_vector_is_scaled_once_however_many_ask_for_its_direction(D: int) -> None:
    N = 2_000
    vectors = np.random.default_rng(D).standard_normal((N, D)).astype(np.float32)
    units = to_unit(vectors)
    assert units.tobytes() == normalise(vectors).tobytes()
    assert to_unit(units).tobytes() == units.tobytes()
    assert D == 1 or normalise(units).tobytes() != units.tobytes()  # which is why there is the other


@given(vectors=ROWS)
def test_directions_are_those_of_the_vectors_whatever_their_lengths(vectors: Any) -> None:
    before = vectors.copy()
    assert np.allclose(to_unit(vectors), normalise(vectors), atol=1e-6)
    assert np.array_equal(vectors, before)


def test_of_many_rows_those_alone_are_scaled_that_need_it() -> None:
    units = normalise(np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32))
    mixed = units * np.array([[1], [3], [0]], np.float32)
    assert to_unit(mixed)[0].tobytes() == units[0].tobytes()
    assert to_unit(mixed)[1].tobytes() == normalise(mixed)[1].tobytes()
    assert not to_unit(mixed)[2].any()


def test_the_direction_of_what_a_catalog_keeps_is_that_of_the_same_numbers() -> None:
    halves = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float16)
    halves[3] = 0
    assert unit_of_kept(halves).tobytes() == to_unit(halves.astype(np.float32)).tobytes()


@pytest.mark.parametrize("scale", [normalise, to_unit])
def test_normalising_no_rows_gives_no_rows(scale: Any) -> None:
    assert scale(np.empty((0, 4), dtype=np.float32)).shape == (0, 4)


def test_every_finite_float16_is_widened_exactly() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 4)
    for vectors in (halves, halves[:, ::2], halves.T, halves[:0]):
        wide = widen(vectors)
        assert wide.dtype == np.float32
        assert wide.flags.c_contiguous
        assert np.array_equal(wide.view(np.uint32), np.ascontiguousarray(vectors.astype(np.float32)).view(np.uint32))
