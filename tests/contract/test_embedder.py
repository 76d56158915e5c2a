from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import BadInput
from lookalike.core.retrying import Retrying
from lookalike.core.vectors import Pixels
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.embedding.remote import RemoteEmbedder
from lookalike.models.store import default_model
from tests.remote.model_server import Fault, ModelServer

ENGINES: dict[str, Callable[[Path], Embedder]] = {
    "fake": lambda cache: FakeEmbedder(),
    "remote": lambda cache: RemoteEmbedder(ModelServer(latency_s=0.0005)),
    "remote that fails": lambda cache: RemoteEmbedder(
        ModelServer(*[Fault.TIMED_OUT, Fault.LOST, Fault.BUSY] * 5, dimension=12),
        retrying=Retrying(attempts=20, first_pause_s=0.001, longest_pause_s=0.002),
    ),
    "onnx-int8": lambda cache: OnnxEmbedder(default_model("int8", cache_dir=cache)),
    "onnx-fp32": lambda cache: OnnxEmbedder(default_model("fp32", cache_dir=cache)),
    "onnx-fine": lambda cache: OnnxEmbedder(default_model("fine", cache_dir=cache)),
}


@pytest.fixture(scope="module", params=list(ENGINES))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return ENGINES[request.param](tmp_path_factory.mktemp("models"))


def pictures(*sizes: tuple[int, int], seed: int = 0) -> list[Pixels]:
    """Blots of colour, smooth enough that no resizing makes them all alike."""
    random = np.random.default_rng(seed)
    return [
        np.kron(random.integers(0, 256, (1, 4, 3)), np.ones((height, -(-width // 4), 1))).astype(np.uint8)[:, :width]
        for height, width in sizes
    ]


def test_vectors_are_new_float32_rows_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(pictures((20, 30), (224, 224), (5, 400)))

    assert vectors.shape == (3, embedder.card.dimension)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert vectors.flags.owndata or vectors.base.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_pictures_give_no_vectors_of_the_right_width(embedder: Embedder) -> None:
    vectors = embedder.embed([])

    assert vectors.shape == (0, embedder.card.dimension)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (3, 3), (223, 225), (225, 223), (1, 3000), (30_000, 1), (900, 1200)]
)
def test_any_size_has_a_vector(embedder: Embedder, size: tuple[int, int]) -> None:
    (vector,) = embedder.embed(pictures(size))

    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("colour", [0, 127, 255])
def test_a_picture_of_one_colour_has_a_vector(embedder: Embedder, colour: int) -> None:
    (vector,) = embedder.embed([np.full((40, 40, 3), colour, np.uint8)])

    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_list_gives_the_same_as_its_pictures_one_by_one_in_order(embedder: Embedder) -> None:
    images = pictures((20, 30), (224, 224), (7, 5), (224, 224), (300, 100))

    together = embedder.embed(images)

    np.testing.assert_array_equal(together, np.concatenate([embedder.embed([image]) for image in images]))
    assert len({vector.tobytes() for vector in together}) == len(images)


def test_many_threads_get_what_one_gets(embedder: Embedder) -> None:
    images = pictures(*[(50, 40 + n) for n in range(24)])
    alone = embedder.embed(images)

    with ThreadPoolExecutor(6) as pool:
        together = np.concatenate(list(pool.map(lambda image: embedder.embed([image]), images)))

    np.testing.assert_array_equal(together, alone)


def test_pictures_are_left_as_they_were_and_may_be_views_and_read_only(embedder: Embedder) -> None:
    (image,) = pictures((60, 80))
    turned, copy = image[::-1, ::2], image[::-1, ::2].copy()
    image.flags.writeable = False

    np.testing.assert_array_equal(embedder.embed([turned]), embedder.embed([copy]))
    np.testing.assert_array_equal(image, pictures((60, 80))[0])


def test_the_same_picture_smaller_is_closer_than_another_picture(embedder: Embedder) -> None:
    (image,), (other,) = pictures((400, 400)), pictures((400, 400), seed=1)

    vectors = embedder.embed([image, image[::2, ::2], other])

    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert vectors[0] @ vectors[1] > 0.9


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(np.zeros((4, 4, 3), np.float32), id="float32"),
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id="rgba"),
        pytest.param(np.zeros((3, 4, 4), np.uint8), id="channels first"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="no rows"),
        pytest.param(np.zeros((4, 0, 3), np.uint8), id="no columns"),
        pytest.param(np.zeros((1, 4, 4, 3), np.uint8), id="batch"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param(None, id="none"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_position(embedder: Embedder, bad: object) -> None:
    with pytest.raises(BadInput, match="expected picture 1 as uint8 RGB"):
        embedder.embed([*pictures((4, 4)), bad])  # type: ignore[list-item] - that is the point


def test_the_card_tells_the_model_apart(embedder: Embedder, tmp_path: Path) -> None:
    assert len(embedder.card.id) == 64
    assert set(embedder.card.id) <= set("0123456789abcdef")
    others = [make(tmp_path).card.id for make in ENGINES.values()]
    assert others.count(embedder.card.id) == 1
