"""A user's folder with all that the pages of the documentation name: pictures, tables, vectors, models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

import lookalike
from tests.unit.images.pictures import encoded, scene


def belongings(place: Path) -> Path:
    """Make them.

    Args:
        place: a new folder.
    Returns:
        `place`.
    """
    (place / "holiday").mkdir(parents=True)
    for seed in range(3):
        (place / "holiday" / f"{seed}.jpg").write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    for seed, name in enumerate(("cat.jpg", "beach.jpg", "shelf.jpg"), start=3):
        (place / name).write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    patches = Image.fromarray(np.random.default_rng(2).integers(0, 256, (50, 70, 3), np.uint8)).resize((560, 400))
    patches.save(place / "holiday" / "0.jpg", quality=95)  # one with details
    patches.crop((100, 60, 500, 360)).save(place / "cut-out.jpg")
    np.save(place / "base.npy", np.random.default_rng(1).normal(size=(20, 32)).astype(np.float32))
    (place / "jwt").write_text("0123456789abcdef" * 4)
    _write_mean_model(place / "other-tool.onnx")
    lookalike.adapt(
        place / "other-tool.onnx", place / "my-model.onnx", name="mean", input_side=32, mean=[0.1] * 3, std=[1.0] * 3
    )
    return place


def folders_of_pictures(place: Path) -> None:
    """Beside the belongings: `~/Pictures` with copies in it, `~/Work`, `photos` with a table of labels, a query."""
    for name in ("Pictures", "Pictures/Masters", "Work", "photos"):
        shutil.copytree(place / "holiday", place / name)
    Image.open(place / "holiday" / "0.jpg").resize((420, 300)).save(place / "Pictures" / "smaller.jpg", quality=90)
    shutil.copy(place / "cut-out.jpg", place / "q.jpg")
    (place / "labels.csv").write_text("path,label\n0.jpg,apple\n1.jpg,apple\n2.jpg,pear\n")
    shutil.copy(place / "my-model.onnx", place / "my.onnx")
    for name in ("queries.npy", "all.npy"):
        shutil.copy(place / "base.npy", place / name)


def _write_mean_model(path: Path) -> None:
    """A model of another tool: mean colours."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"])],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, 1, 1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
