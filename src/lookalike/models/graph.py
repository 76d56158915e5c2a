"""A small writer of ONNX graphs whose files come out the same, byte for byte, on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""The first in which Resize can smooth before it shrinks; old enough for onnxruntime-web."""
IR_VERSION = 8
"""The one that came with opset 18."""

INPUT, OUTPUT = "pixels", "embedding"


class Graph:
    """Nodes and constants in the order in which they are added; each node is named for the tensor it makes."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._sparse_constants: list[onnx.SparseTensorProto] = []
        self._functions: list[onnx.FunctionProto] = []
        self._opsets = {"": OPSET}
        self._ir_version = IR_VERSION

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Add a constant; returns its name.

        Args:
            name: that nothing in the graph has yet.
            value: of any shape (...), any dtype that ONNX has.
        """
        self._constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def resize_pixels(self, *, side: int) -> str:
        """Squeeze the whole input to a square, smoothed where it shrinks.

        Height and width are still the last but one axes here: with channels first, the optimiser of ONNX Runtime
        trips over `axes`.
        """
        size = self.constant("input_size", np.array([side, side], np.int64))
        return self.node("Resize", [INPUT, "", "", size], "resized", mode="linear", antialias=1, axes=[1, 2])

    def include(self, model: onnx.ModelProto) -> None:
        """Add all nodes, constants and functions of another model; its input is the tensor of the same name here."""
        self._nodes.extend(model.graph.node)
        self._constants.extend(model.graph.initializer)
        self._sparse_constants.extend(model.graph.sparse_initializer)
        self._functions.extend(model.functions)
        self._opsets |= {entry.domain: entry.version for entry in model.opset_import}
        self._ir_version = max(self._ir_version, model.ir_version)

    def unit_rows(self, vectors: str) -> None:
        """Scale the rows of `vectors` to length 1: the output of the graph."""
        self.node("LpNormalization", [vectors], OUTPUT, axis=1, p=2)

    def file(self, *, name: str, dimension: int, metadata: Mapping[str, str]) -> bytes:
        """The whole file, uint8 (N, H, W, 3) in, float32 (N, dimension) out.

        Raises:
            onnx.checker.ValidationError: when the graph is not one.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", "H", "W", 3])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", dimension])],
            self._constants,
            sparse_initializer=self._sparse_constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in sorted(self._opsets.items())],
            ir_version=self._ir_version,
            producer_name="lookalike",
            functions=self._functions,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
