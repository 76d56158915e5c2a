"""A model as others make them: the mean of each channel of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

import lookalike


def write_mean_model(path: Path, *, opset: int = 18, output: Sequence[str | int] = ("n", 3, 1, 1)) -> Path:
    """Write the model as it comes from another tool, with real numbers in.

    Args:
        path: of the file.
        opset: in which it says what it does.
        output: the shape that it claims for what comes out.
    Returns:
        `path`.
    """
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["e"])],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, list(output))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def wrapped_mean_model(path: Path, *, mean: float = 0.1, input_side: int = 8) -> Path:
    """Write that model as Lookalike takes it: the mean of each channel beyond `mean`. Its source stays beside it."""
    source = write_mean_model(path.with_name(f"source of {path.name}"))
    return lookalike.adapt(source, path, name="mean", input_side=input_side, mean=[mean] * 3, std=[1.0] * 3)
