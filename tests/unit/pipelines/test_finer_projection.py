"""A further model's projection: when there is one, what it is learnt from, and that opinions are given after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.index.projection import learn
from lookalike.pipelines.finer_projection import FinerProjection
from lookalike.pipelines.parts import Parts
from tests.collections import D, new_parts

N, WIDTH = 300, 24


def image_id(n: int) -> str:
    return f"{n:064x}"


def finer_vectors(count: int) -> Vectors:
    return normalise(np.random.default_rng(3).normal(1, 1, size=(count, WIDTH)).astype(np.float32))


def fill(parts: Parts, numbers: Any, *, finer: int) -> None:
    """Pictures of which the first `finer` have a vector of the further model."""
    numbers = list(numbers)
    with parts.catalog.transaction() as transaction:
        records = [ImageRecord(image_id(n), 10, 10, "png", 1) for n in numbers]
        keys = transaction.put_images(records, np.ones((len(numbers), D), np.float16))
    parts.catalog.add_further_model("fine", "f" * 64, WIDTH)
    with parts.catalog.transaction() as transaction:
        vectors = finer_vectors(max(numbers) + 1)[numbers].astype(np.float16)
        transaction.put_model_vectors("fine", keys[:finer], vectors[:finer])


@pytest.fixture(params=["sqlite", "memory"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    return new_parts(tmp_path if request.param == "sqlite" else None)


def test_it_is_what_a_collection_of_these_vectors_would_learn(parts: Parts) -> None:
    fill(parts, range(N), finer=N)
    stored = normalise(finer_vectors(N).astype(np.float16).astype(np.float32))
    wanted = learn([stored], count=N)

    found = FinerProjection(parts.catalog, "fine").get()

    assert found is not None
    assert wanted is not None
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-6)
    np.testing.assert_allclose(np.abs(found.components), np.abs(wanted.components), atol=1e-4)


@pytest.mark.parametrize(("pictures", "finer"), [(255, 255), (600, 299), (600, 0)])
def test_of_few_vectors_nothing_is_learnt(parts: Parts, pictures: int, finer: int) -> None:
    fill(parts, range(pictures), finer=finer)

    assert FinerProjection(parts.catalog, "fine").get() is None


def test_a_model_that_the_collection_does_not_know_has_none(parts: Parts) -> None:
    assert FinerProjection(parts.catalog, "other").get() is None


def test_it_is_learnt_once_and_again_when_there_are_twice_as_many(parts: Parts) -> None:
    fill(parts, range(N), finer=N)
    projection = FinerProjection(parts.catalog, "fine")
    first = projection.get()
    fill(parts, range(N, N + 100), finer=100)
    assert projection.get() is first
    fill(parts, range(N + 100, 2 * N), finer=N)

    assert projection.get() is not first
