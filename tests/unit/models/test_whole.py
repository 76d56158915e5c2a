"""A model is its bytes and nothing else, wherever one is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import lookalike
from lookalike.core.errors import ModelUnavailable
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.adapt import adapt
from lookalike.models.store import load_model
from lookalike.models.whole import read_whole
from tests.collections import png
from tests.scattered_models import SCATTERED, elsewhere, foreign_model, scattered, whole_model, write

ELSEWHERE = "lies in another"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("way", SCATTERED)
def test_a_tensor_that_lies_elsewhere_is_found_wherever_it_stands(tmp_path: Path, way: str) -> None:
    path = scattered(tmp_path / "m.onnx", way=way)

    with pytest.raises(ModelUnavailable, match=ELSEWHERE):
        read_whole(path.read_bytes(), where="m.onnx")
    with pytest.raises(ModelUnavailable, match=f"in one file.*m.onnx.*{ELSEWHERE}.*onnx.save"):
        OnnxEmbedder(load_model(path))


@pytest.mark.parametrize("way", SCATTERED)
def test_such_a_model_is_not_wrapped(tmp_path: Path, way: str) -> None:
    source = scattered(tmp_path / "theirs.onnx", way=way, foreign=True)

    with pytest.raises(ModelUnavailable, match=ELSEWHERE):
        adapt(source, tmp_path / "ours.onnx", name="mean", input_side=8, mean=[0.0] * 3, std=[1.0] * 3)
    assert not (tmp_path / "ours.onnx").exists()


def test_the_runtime_alone_would_read_the_other_file(tmp_path: Path) -> None:
    """Why the check is there: what is computed would depend on the folder in which one happens to be."""
    content = scattered(tmp_path / "m.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    (vector,) = session.run(["embedding"], {"pixels": np.full((1, 8, 8, 3), 9, np.uint8)})[0]

    np.testing.assert_allclose(vector, np.array([1, 2, 3]) / np.sqrt(14), rtol=1e-5)


@pytest.mark.parametrize("location", ["/etc/passwd", "../elsewhere.bin", "*/_ORT_MEM_ADDR_/*", ""])
def test_no_place_is_a_good_one(location: str) -> None:
    model = whole_model()
    model.graph.initializer[-1].CopyFrom(elsewhere(location))

    with pytest.raises(ModelUnavailable, match=ELSEWHERE):
        read_whole(model.SerializeToString(), where="m.onnx")


@pytest.mark.parametrize("content", [b"\xff" * 100, b"GIF89a", b"\x08\x00\x00\x00ORTM" + b"\x00" * 64])
def test_what_is_no_onnx_is_not_opened(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)

    with pytest.raises(ModelUnavailable):
        OnnxEmbedder(load_model(tmp_path / "m.onnx"))


def test_a_whole_model_is_opened_and_wrapped(tmp_path: Path) -> None:
    picture = np.full((8, 8, 3), 9, np.uint8)
    embedder = OnnxEmbedder(load_model(write(whole_model(), tmp_path / "m.onnx")))
    theirs = write(foreign_model(), tmp_path / "theirs.onnx")
    wrapped = adapt(theirs, tmp_path / "ours.onnx", name="mean", input_side=8, mean=[0.0] * 3, std=[1.0] * 3)

    for one in (embedder, OnnxEmbedder(load_model(wrapped))):
        np.testing.assert_allclose(one.embed([picture])[0], np.full(3, 3**-0.5), rtol=1e-5)


def test_no_way_in_takes_such_a_model(tmp_path: Path) -> None:
    bad, good = scattered(tmp_path / "bad.onnx"), write(whole_model(), tmp_path / "good.onnx")

    with pytest.raises(ModelUnavailable, match=ELSEWHERE):
        lookalike.open("photos", model=bad)
    with lookalike.open("photos", model=good) as photos:
        photos.add(png(1))
        with pytest.raises(ModelUnavailable, match=ELSEWHERE):
            photos.add_model("further", bad)
        with pytest.raises(ModelUnavailable, match=ELSEWHERE):
            photos.search(png(1), rerank=str(bad))
        assert photos.models() == []


def test_a_further_model_that_was_kept_before_is_not_opened(tmp_path: Path) -> None:
    """As one that another version had copied into the collection's folder."""
    good = write(whole_model(), tmp_path / "good.onnx")
    with lookalike.open("photos") as photos:
        photos.add_model("further", good)
    (kept,) = (tmp_path / "photos" / "models").iterdir()
    scattered(kept)

    with lookalike.open("photos") as photos, pytest.raises(ModelUnavailable, match=ELSEWHERE):
        photos.models.file("further")


def test_a_model_s_file_is_given_only_while_it_is_that_model(tmp_path: Path) -> None:
    path = write(whole_model(), tmp_path / "m.onnx")
    with lookalike.open("photos", model=path) as photos:
        content = path.read_bytes()
        changed = whole_model()
        changed.doc_string = "another"
        write(changed, path)
        assert photos.models.file().content == content
        (kept,) = (tmp_path / "photos" / "models").iterdir()
        kept.chmod(0o600)
        write(changed, kept)

        with pytest.raises(ModelUnavailable, match="it was changed since"):
            photos.models.file()
