"""Models of which one tensor lies in another file, at every place at which ONNX lets a tensor stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from lookalike.models.card import ModelCard
from lookalike.models.graph import IR_VERSION, OPSET

D = 3
NAME = "elsewhere.bin"
CARD = ModelCard(
    id="",
    name="mean",
    version="1",
    precision="fp32",
    dimension=D,
    input_side=8,
    licence="MIT",
    source="a test",
    made="By hand.",
)


def whole_model() -> ModelProto:
    """Takes pixels, and gives their mean colour times a constant `factor`, of length 1."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "factor"], ["weighed"]),
        helper.make_node("LpNormalization", ["weighed"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", D])],
        [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(np.ones(D, np.float32), "factor")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, CARD.metadata())
    return model


def foreign_model() -> ModelProto:
    """Of another tool, for `adapt`: mean colours times a constant."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["m"]), helper.make_node("Mul", ["m", "factor"], ["y"])],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, 1, 1])],
        [numpy_helper.from_array(np.ones((1, D, 1, 1), np.float32), "factor")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def elsewhere(location: str = NAME, *, name: str = "factor", count: int = D) -> TensorProto:
    """`count` float32 in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[count], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", str(4 * count))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def _constant(tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["spare"], value=tensor)


def _branch(tensor: TensorProto) -> GraphProto:
    output = helper.make_tensor_value_info("spare", TensorProto.FLOAT, [D])
    return helper.make_graph([_constant(tensor)], "branch", [], [output])


def _initializer(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == "factor":
            shape = list(tensor.dims)
            tensor.CopyFrom(elsewhere())
            tensor.dims[:] = shape


def _half_said(model: ModelProto) -> None:
    """Says that it lies elsewhere, but not where."""
    model.graph.initializer[-1].data_location = TensorProto.EXTERNAL


def _said_beside(model: ModelProto) -> None:
    """Has its numbers, and names a file all the same."""
    model.graph.initializer[-1].external_data.add(key="location", value=NAME)


def _sparse(model: ModelProto) -> None:
    indices = numpy_helper.from_array(np.arange(D), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(elsewhere(name="spare"), indices, [D]))


def _sparse_places(model: ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(D, np.float32), "spare")
    indices = elsewhere(name="i")
    indices.data_type = TensorProto.INT64
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [D]))


def _attribute(model: ModelProto) -> None:
    model.graph.node.append(_constant(elsewhere()))


def _list_of_an_attribute(model: ModelProto) -> None:
    node = helper.make_node("Identity", ["axes"], ["spare"])
    node.attribute.append(helper.make_attribute("tensors", [elsewhere()]))
    model.graph.node.append(node)


def _sparse_attribute(model: ModelProto) -> None:
    indices = numpy_helper.from_array(np.arange(D), "i")
    sparse = helper.make_sparse_tensor(elsewhere(), indices, [D])
    model.graph.node.append(helper.make_node("Constant", [], ["spare"], sparse_value=sparse))


def _subgraph(model: ModelProto) -> None:
    branches = {"then_branch": _branch(elsewhere()), "else_branch": _branch(numpy_helper.from_array(np.ones(D)))}
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("If", ["yes"], ["spare"], **branches))


def _graph_in_a_graph(model: ModelProto) -> None:
    inner = _branch(elsewhere())
    outer = helper.make_graph([helper.make_node("If", ["yes"], ["spare"], then_branch=inner)], "outer", [], [])
    outer.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("If", ["yes"], ["spare"], then_branch=outer))


def _initializer_of_a_subgraph(model: ModelProto) -> None:
    branch = _branch(numpy_helper.from_array(np.ones(D)))
    branch.initializer.append(elsewhere())
    model.graph.node.append(helper.make_node("If", ["yes"], ["spare"], then_branch=branch))


def _function(model: ModelProto) -> None:
    opsets = [helper.make_opsetid("", OPSET)]
    model.functions.append(helper.make_function("own", "f", [], ["spare"], [_constant(elsewhere())], opsets))


def _training(model: ModelProto) -> None:
    model.training_info.add().algorithm.initializer.append(elsewhere())


SCATTERED: dict[str, Callable[[ModelProto], None]] = {
    one.__name__.lstrip("_"): one
    for one in (
        _initializer,
        _half_said,
        _said_beside,
        _sparse,
        _sparse_places,
        _attribute,
        _list_of_an_attribute,
        _sparse_attribute,
        _subgraph,
        _graph_in_a_graph,
        _initializer_of_a_subgraph,
        _function,
        _training,
    )
}
"""Ways to scatter a model, by name."""


def write(model: ModelProto, path: Path) -> Path:
    """The bytes as they are: unlike `onnx.save`, which would go after the other file."""
    path.write_bytes(model.SerializeToString())
    return path


def scattered(path: Path, *, way: str = "initializer", foreign: bool = False) -> Path:
    """Write a model that lies in several files; the other one is there, too, in the current folder."""
    model = foreign_model() if foreign else whole_model()
    SCATTERED[way](model)
    for folder in (Path(), path.parent):
        (folder / NAME).write_bytes(np.array([1, 2, 3], np.float32).tobytes())
    return write(model, path)
