from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from lookalike.core.errors import ModelUnavailable, WouldOverwrite
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.adapt import adapt
from lookalike.models.store import load_model
from tests.mean_model import write_mean_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MOBILENET = Path(__file__).parents[4] / "shared" / "models" / "mobilenetv2_1.0_gap.onnx"


@pytest.mark.parametrize("opset", [11, 17, 18, 20])
def test_a_wrapped_model_normalises_its_input_and_its_output(tmp_path: Path, opset: int) -> None:
    source = write_mean_model(tmp_path / "theirs.onnx", opset=opset, output=["n", 3, 1, 1])
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

    target = adapt(source, tmp_path / "ours.onnx", name="mean", input_side=8, mean=MEAN, std=STD)

    embedder = OnnxEmbedder(load_model(target))
    expected = (image.mean(axis=(0, 1)) / 255 - MEAN) / STD
    np.testing.assert_allclose(embedder.embed([image])[0], expected / np.linalg.norm(expected), atol=1e-5)
    assert (embedder.card.name, embedder.card.dimension, embedder.card.input_side) == ("mean", 3, 8)


def test_paths_may_be_texts_and_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = write_mean_model(tmp_path / "theirs.onnx", opset=18, output=["n", 3, 1, 1])

    for given, target in ((str(source), str(tmp_path / "a.onnx")), ("~/theirs.onnx", "~/b.onnx"), (source, "~/c.onnx")):
        written = adapt(given, target, name="mean", input_side=8, mean=MEAN, std=STD)
        assert written == tmp_path / Path(target).name
        assert OnnxEmbedder(load_model(written)).card.source == "theirs.onnx"


def test_a_real_model_gives_the_vectors_that_it_gave_before(tmp_path: Path) -> None:
    if not MOBILENET.exists():
        pytest.skip("needs the model in ../shared/models")
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    real = ((image / 255 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
    (before,) = onnxruntime.InferenceSession(MOBILENET).run(None, {"x": real})[0]

    target = adapt(MOBILENET, tmp_path / "ours.onnx", name="mobilenetv2", input_side=224, mean=MEAN, std=STD)

    (after,) = OnnxEmbedder(load_model(target)).embed([image])
    np.testing.assert_allclose(after, before / np.linalg.norm(before), atol=1e-4)


def write_exotic_model(path: Path, *, opset: int) -> Path:
    """The mean of each channel by a function of the model's own, times a sparse constant: 2 for R, 3 for B, 0 for G."""
    ours = helper.make_opsetid("theirs", 1)
    onnx_opset = helper.make_opsetid("", opset)
    mean = helper.make_function(
        "theirs", "Mean", ["a"], ["b"], [helper.make_node("GlobalAveragePool", ["a"], ["b"])], [onnx_opset]
    )
    values = helper.make_tensor("factor", TensorProto.FLOAT, [2], [2.0, 3.0])
    places = helper.make_tensor("factor_places", TensorProto.INT64, [2], [0, 2])
    graph = helper.make_graph(
        [
            helper.make_node("Mean", ["x"], ["m"], domain="theirs"),
            helper.make_node("Flatten", ["m"], ["f"]),
            helper.make_node("Mul", ["f", "factor"], ["e"]),
        ],
        "exotic",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, ["n", 3])],
        sparse_initializer=[helper.make_sparse_tensor(values, places, [3])],
    )
    model = helper.make_model(graph, opset_imports=[onnx_opset, ours], functions=[mean], ir_version=8)
    onnx.save(model, path)
    return path


def test_functions_and_sparse_constants_are_kept(tmp_path: Path) -> None:
    source = write_exotic_model(tmp_path / "theirs.onnx", opset=18)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

    target = adapt(source, tmp_path / "ours.onnx", name="exotic", input_side=8, mean=MEAN, std=STD)

    expected = (image.mean(axis=(0, 1)) / 255 - MEAN) / STD * (2, 0, 3)
    (vector,) = OnnxEmbedder(load_model(target)).embed([image])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_what_the_converter_would_lose_is_refused(tmp_path: Path) -> None:
    source = write_exotic_model(tmp_path / "theirs.onnx", opset=17)
    with pytest.raises(ModelUnavailable, match=r"functions and sparse constants.*export it with opset 18"):
        adapt(source, tmp_path / "ours.onnx", name="exotic", input_side=8, mean=MEAN, std=STD)


def write_sparse_factor_model(path: Path, *, opset: int, place: str) -> Path:
    """The mean of each channel times 2 for R, 3 for B, 0 for G: a sparse constant of a node, or of a branch."""
    values = helper.make_tensor("factor", TensorProto.FLOAT, [2], [2.0, 3.0])
    factor = helper.make_sparse_tensor(values, helper.make_tensor("places", TensorProto.INT64, [2], [0, 2]), [3])
    out = [helper.make_tensor_value_info("factor", TensorProto.FLOAT, [3])]
    branch = helper.make_graph([], "branch", [], out, sparse_initializer=[factor])
    nodes = {
        "node": [helper.make_node("Constant", [], ["by"], sparse_value=factor)],
        "branch": [
            helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("yes", TensorProto.BOOL, [], [True])),
            helper.make_node("If", ["yes"], ["by"], then_branch=branch, else_branch=branch),
        ],
    }
    graph = helper.make_graph(
        [
            *nodes[place],
            helper.make_node("GlobalAveragePool", ["x"], ["m"]),
            helper.make_node("Flatten", ["m"], ["f"]),
            helper.make_node("Mul", ["f", "by"], ["e"]),
        ],
        "sparse",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, ["n", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


@pytest.mark.parametrize("place", ["node", "branch"])
def test_a_sparse_constant_is_kept_or_told_wherever_it_stands(place: str, tmp_path: Path) -> None:
    older = write_sparse_factor_model(tmp_path / "older.onnx", opset=17, place=place)
    with pytest.raises(ModelUnavailable, match=r"leaves out sparse constants.*export it with opset 18"):
        adapt(older, tmp_path / "ours.onnx", name="sparse", input_side=8, mean=MEAN, std=STD)

    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    source = write_sparse_factor_model(tmp_path / "theirs.onnx", opset=18, place=place)
    target = adapt(source, tmp_path / "ours.onnx", name="sparse", input_side=8, mean=MEAN, std=STD)
    expected = (image.mean(axis=(0, 1)) / 255 - MEAN) / STD * (2, 0, 3)
    (vector,) = OnnxEmbedder(load_model(target)).embed([image])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_models_that_cannot_be_wrapped_are_refused_with_a_reason(tmp_path: Path) -> None:
    no_width = write_mean_model(tmp_path / "no_width.onnx", opset=18, output=["n", "d", 1, 1])
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\xff" * 100)

    for source, reason in (
        (no_width, "fixed D"),
        (garbage, "expected an ONNX model"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(ModelUnavailable, match=reason):
            adapt(source, tmp_path / "ours.onnx", name="a", input_side=8, mean=MEAN, std=STD)
    assert not (tmp_path / "ours.onnx").exists()


def test_a_model_takes_the_place_of_a_model_of_ours_only(tmp_path: Path) -> None:
    source = write_mean_model(tmp_path / "theirs.onnx", opset=18, output=["n", 3, 1, 1])

    def wrap(target: str, *, force: bool = False) -> Path:
        return adapt(source, tmp_path / target, name="mean", input_side=8, mean=MEAN, std=STD, force=force)

    wrap("ours.onnx")
    wrap("ours.onnx")
    theirs = source.read_bytes()
    for target, said in (("theirs.onnx", "is the model to wrap"), ("another.onnx", "is not a model made by Lookalike")):
        (tmp_path / target).write_bytes(theirs)
        with pytest.raises(WouldOverwrite, match=said):
            wrap(target)
        assert (tmp_path / target).read_bytes() == theirs
    assert wrap("another.onnx", force=True).read_bytes() != theirs
