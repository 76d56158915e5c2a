from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from lookalike.core.errors import ModelUnavailable
from lookalike.core.vectors import Pixels
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.store import ModelFile, default_model, load_model
from tests.photos import some_photos


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return default_model("fp32", cache_dir=tmp_path_factory.mktemp("models"))


def embedded_by_the_graph_alone(model: ModelFile, image: Pixels) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.content, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"pixels": image[None]})[0][0]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (100, 100), (223, 225), (348, 520), (1200, 900), (30_000, 1)])
def test_shrinking_before_the_graph_and_inside_it_is_the_same(model: ModelFile, size: tuple[int, int]) -> None:
    rows, columns = np.mgrid[0 : 20 : size[0] * 1j, 0 : 20 : size[1] * 1j]
    image = np.stack([np.sin(rows), np.sin(columns), np.sin(rows + columns)], axis=2) * 100 + 128
    image = image.astype(np.uint8)

    (vector,) = OnnxEmbedder(model).embed([image])

    assert vector @ embedded_by_the_graph_alone(model, image) > 0.999


def test_shrinking_before_the_graph_and_inside_it_is_the_same_on_photos(model: ModelFile) -> None:
    photos = some_photos(12)

    vectors = OnnxEmbedder(model).embed(photos)

    assert (
        min(vector @ embedded_by_the_graph_alone(model, photo) for vector, photo in zip(vectors, photos, strict=True))
        > 0.999
    )


def test_a_batch_in_the_graph_is_its_pictures(model: ModelFile) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 60, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(model.content, providers=["CPUExecutionProvider"])

    (together,) = session.run(["embedding"], {"pixels": images})

    for image, vector in zip(images, together, strict=True):
        np.testing.assert_allclose(vector, embedded_by_the_graph_alone(model, image), atol=1e-5)


def write_model(path: Path, *, input_type: int = TensorProto.FLOAT, card: dict[str, str] | None = None) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["pixels"], ["embedding"])],
        "same",
        [helper.make_tensor_value_info("pixels", input_type, ["N", 5])],
        [helper.make_tensor_value_info("embedding", input_type, ["N", 5])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, card or {})
    onnx.save(model, path)
    return path


def test_files_that_are_no_such_model_are_refused_with_a_reason(model: ModelFile, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"no model")
    no_card = write_model(tmp_path / "no_card.onnx")
    other_inputs = write_model(tmp_path / "other.onnx", card=OnnxEmbedder(model).card.metadata())

    for path, reason in (
        (garbage, "expected an ONNX model"),
        (no_card, "carries no card"),
        (other_inputs, "inputs and outputs"),
    ):
        with pytest.raises(ModelUnavailable, match=reason):
            OnnxEmbedder(load_model(path))
