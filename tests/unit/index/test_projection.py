"""The projection against the formula written down plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadVectors, DimensionMismatch
from lookalike.index import projection
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn


def naive(vectors: Any, queries: Any, *, width: int) -> Any:
    """Centre, scale each dimension by the root of its deviation, principal components by SVD, length 1; float64."""
    vectors, queries = vectors.astype(np.float64), queries.astype(np.float64)
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0)
    scale = np.sqrt(np.maximum(deviation, 1e-3 * deviation.max()))
    _, _, directions = np.linalg.svd((vectors - mean) / scale, full_matrices=True)
    projected = (queries - mean) / scale @ directions[:width].T
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    return projected / np.where(lengths > 0, lengths, 1)


def sample(N: int, D: int, *, seed: int = 0, rank: int | None = None) -> Any:
    """Correlated, off-centre, with dimensions of very different spread."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((N, rank or D)) * np.geomspace(1, 0.1, rank or D) @ rng.standard_normal((rank or D, D))
    return (mixed * rng.lognormal(0, 1, D) + rng.standard_normal(D) * 3).astype(np.float32)


def learnt(vectors: Any, *, batch: int = 100, width: int = 128) -> Projection:
    found = learn(in_batches(vectors, batch), count=len(vectors), width=width)
    assert found is not None
    return found


def in_batches(vectors: Any, batch: int) -> list[Any]:
    return [vectors[start : start + batch] for start in range(0, len(vectors), batch)]


@pytest.mark.parametrize(("N", "D", "width"), [(300, 10, 10), (257, 24, 6), (1000, 40, 17), (256, 3, 1)])
def test_it_is_the_formula_up_to_the_signs_of_directions(N: int, D: int, width: int) -> None:
    vectors, queries = sample(N, D), sample(20, D, seed=1)
    found = learnt(vectors, width=width)
    projected, expected = found.apply(queries), naive(vectors, queries, width=width)
    signs = np.sign((projected * expected).sum(axis=0))
    assert (projected.dtype, projected.shape, found.learnt_from) == (np.float32, (20, width), N)
    np.testing.assert_allclose(projected * signs, expected, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, rtol=1e-6)


def test_too_few_vectors_teach_nothing() -> None:
    N, D = LEAST_TO_LEARN - 1, 8
    assert learn([sample(N, D)], count=N) is None
    assert learn([], count=0) is None
    assert learn([sample(N + 1, D)], count=N + 1) is not None


def test_vectors_that_are_gone_when_they_are_read_teach_nothing() -> None:
    assert learn([], count=1000) is None
    assert learn([np.empty((0, 8), np.float32)], count=1000) is None


def test_equal_vectors_teach_nothing_not_even_the_rounding_of_their_mean() -> None:
    N, D = 1000, 16
    for seed in range(20):
        rows = np.random.default_rng(seed).standard_normal((1, D)).astype(np.float16).astype(np.float32)
        for scale in (0, 1e-20, 1, 1e4):
            assert learn(in_batches(np.repeat(rows * scale, N, axis=0), 300), count=N) is None


def test_vectors_in_few_dimensions_keep_their_neighbours() -> None:
    N, D, rank = 400, 30, 3
    vectors = sample(N, D, rank=rank)
    found = learnt(vectors)
    projected, expected = found.apply(vectors), naive(vectors, vectors, width=rank)
    assert np.isfinite(found.components).all()
    np.testing.assert_allclose(projected @ projected.T, expected @ expected.T, atol=5e-3)


def test_a_dimension_that_never_varies_does_no_harm() -> None:
    vectors = sample(300, 6)
    vectors[:, 2] = 7
    vectors[:, 4] = 0
    found = learnt(vectors)
    expected = naive(vectors, vectors, width=4)
    np.testing.assert_allclose(found.apply(vectors) @ found.apply(vectors).T, expected @ expected.T, atol=5e-3)


@pytest.mark.parametrize(("N", "D", "expected"), [(256, 200, 64), (400, 200, 100), (515, 200, 128), (800, 10, 10)])
def test_the_width_is_a_quarter_of_the_count_at_most(N: int, D: int, expected: int) -> None:
    found = learnt(sample(N, D))
    assert (found.dimension, found.components.shape, found.mean.shape) == (expected, (D, expected), (D,))


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_of_many_vectors_evenly_spread_ones_are_taken_wherever_batches_end(
    monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    N, D, most = 1000, 6, 334
    vectors = sample(N, D)
    vectors[np.arange(N) % 3 != 0] = np.nan  # whoever took one of these would know
    monkeypatch.setattr(projection, "MOST_TO_LEARN", most)
    found = learnt(vectors, batch=batch)
    whole = learnt(vectors[::3])
    assert found.learnt_from == N
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-5, atol=1e-6)
    queries = sample(50, D, seed=2)
    np.testing.assert_allclose(
        found.apply(queries) @ found.apply(queries).T, whole.apply(queries) @ whole.apply(queries).T, atol=1e-3
    )


def test_the_same_vectors_teach_the_same_bits() -> None:
    vectors = sample(500, 20)
    first, second = learnt(vectors), learnt(vectors.copy())
    assert (first.mean == second.mean).all()
    assert (first.components == second.components).all()


def test_the_mean_itself_becomes_0() -> None:
    found = learnt(sample(300, 9))
    projected = found.apply(np.stack([found.mean, found.mean + 1]))
    assert (projected[0] == 0).all()
    assert np.linalg.norm(projected[1]) == pytest.approx(1)


def test_equal_vectors_come_out_equal_wherever_they_stand() -> None:
    D = 321
    found = learnt(sample(700, D))
    vectors = sample(700, D, seed=4)
    vectors[::3] = vectors[0]
    together = found.apply(vectors)
    assert (together[::3] == together[0]).all()
    for n in (0, 1, 350, 699):
        assert (found.apply(vectors[n : n + 1])[0] == together[n]).all()


def test_what_is_given_is_left_as_it_is() -> None:
    vectors = sample(300, 9)
    before = vectors.copy()
    vectors.flags.writeable = False
    learnt(vectors).apply(vectors)
    assert (vectors == before).all()


@pytest.mark.parametrize("shape", [(2, 1), (2, 8), (1, 2, 9)])
def test_another_width_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DimensionMismatch, match=r"\(N, 9\)"):
        learnt(sample(300, 9)).apply(np.ones(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_values_that_are_not_finite_or_become_so_are_refused(value: float) -> None:
    vectors = sample(300, 9)
    scaled = Projection(np.zeros(9, np.float32), 100 * learnt(vectors).components, learnt_from=300)
    with pytest.raises(BadVectors):
        scaled.apply(np.full((1, 9), value, np.float32))
