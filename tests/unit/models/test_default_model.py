from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.core.vectors import Pixels
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.store import default_model
from tests.photos import some_photos

torch = pytest.importorskip("torch", reason="the independent implementation needs torch")
from tests.unit.models.reference import Reference  # noqa: E402 - needs torch


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference()


@pytest.fixture(scope="module")
def fp32(model_cache: Path) -> OnnxEmbedder:
    return OnnxEmbedder(default_model("fp32", cache_dir=model_cache))


@pytest.fixture(scope="module")
def int8(model_cache: Path) -> OnnxEmbedder:
    return OnnxEmbedder(default_model("int8", cache_dir=model_cache))


def squares_of(images: list[Pixels]) -> np.ndarray:
    resized = [Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image) for image in resized])


def test_fp32_agrees_with_an_independent_implementation_on_noise_and_flat_colours(
    reference: Reference, fp32: OnnxEmbedder
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    flat = np.stack([np.full((224, 224, 3), colour, np.uint8) for colour in (0, 127, 255)])
    squares = np.concatenate([noise, flat])

    np.testing.assert_allclose(fp32.embed(list(squares)), reference(squares), rtol=0, atol=1e-4)


def test_fp32_agrees_with_an_independent_implementation_on_photos(reference: Reference, fp32: OnnxEmbedder) -> None:
    squares = squares_of(some_photos(8))

    np.testing.assert_allclose(fp32.embed(list(squares)), reference(squares), rtol=0, atol=1e-4)


def test_int8_stays_close_to_fp32_on_photos(fp32: OnnxEmbedder, int8: OnnxEmbedder) -> None:
    photos = some_photos(40)

    cosines = (fp32.embed(photos) * int8.embed(photos)).sum(axis=1)

    assert cosines.mean() > 0.99
    assert cosines.min() > 0.96


def test_int8_ranks_photos_as_fp32_does(fp32: OnnxEmbedder, int8: OnnxEmbedder) -> None:
    photos = some_photos(40)
    exact, rounded = fp32.embed(photos), int8.embed(photos)

    exact_similarities, rounded_similarities = exact @ exact.T, rounded @ rounded.T

    assert np.abs(exact_similarities - rounded_similarities).max() < 0.06
