"""The finer model, held to plain loops over the maps of an independent implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.fine import LARGE, SMALL, Regions
from lookalike.models.store import default_model

pytest.importorskip("torch", reason="the independent implementation needs torch")
from tests.unit.models.reference import Reference

SIDE = LARGE.side


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> OnnxEmbedder:
    return OnnxEmbedder(default_model("fine", cache_dir=tmp_path_factory.mktemp("models")))


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def generalised_mean(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.mean(places**3, axis=(1, 2)) ** (1 / 3))


def pooled(map_: NDArray[np.float64], regions: tuple[Regions, ...]) -> NDArray[np.float64]:
    """The sum over regions, each of length 1, as loops."""
    summed = unit(generalised_mean(map_))
    for kernel, stride in regions:
        for top in range(0, map_.shape[1] - kernel + 1, stride):
            for left in range(0, map_.shape[2] - kernel + 1, stride):
                summed = summed + unit(generalised_mean(map_[:, top : top + kernel, left : left + kernel]))
    return unit(summed)


def expected(reference: Reference, square: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of a picture whose halves in size are exact, so that no two ways of resizing differ."""
    shrunk = square[:: SIDE // 32, :: SIDE // 32].repeat(SMALL.side // 32, 0).repeat(SMALL.side // 32, 1)
    maps = [reference.maps(one[None])[0].numpy().astype(np.float64) for one in (square, shrunk)]
    return unit(pooled(maps[0], LARGE.regions) + pooled(maps[1], SMALL.regions))


@pytest.mark.parametrize("level", [0, 31, 127, 128, 255])
def test_a_flat_colour_has_the_vector_of_the_definition(fine: OnnxEmbedder, level: int) -> None:
    square = np.full((SIDE, SIDE, 3), (level, 255 - level, 60), np.uint8)

    vector = fine.embed([square])[0]

    np.testing.assert_allclose(vector, expected(Reference(), square), rtol=0, atol=1e-4)


def test_a_pattern_has_the_vector_of_the_definition(fine: OnnxEmbedder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    reference = Reference()
    small = np.asarray(Image.fromarray(noise).resize((SMALL.side, SMALL.side), Image.Resampling.BILINEAR))
    maps = [reference.maps(one[None])[0].numpy().astype(np.float64) for one in (noise, small)]
    wanted = unit(pooled(maps[0], LARGE.regions) + pooled(maps[1], SMALL.regions))

    vector = fine.embed([noise])[0]

    assert float(vector @ wanted) > 0.999  # Pillow and the graph round a pixel here and there to different sides


def test_the_regions_fill_the_maps() -> None:
    for side, regions in (LARGE, SMALL):
        for kernel, stride in regions:
            assert (side // 32 - kernel) % stride == 0


def test_the_file_holds_each_weight_once(tmp_path: Path) -> None:
    fine, plain = (default_model(name, cache_dir=tmp_path) for name in ("fine", "fp32"))

    assert len(fine.content) < 1.02 * len(plain.content)


def test_the_card_says_what_it_is(fine: OnnxEmbedder) -> None:
    card = fine.card

    assert (card.name, card.precision, card.dimension, card.input_side) == (
        "efficientnet-lite0-fine",
        "fp32",
        1280,
        SIDE,
    )
    assert fine.embed([np.zeros((10, 700, 3), np.uint8)]).shape == (1, 1280)
