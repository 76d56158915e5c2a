"""Wrap an ONNX model of another tool into one that takes pixels and gives unit vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, version_converter

from lookalike.core.arguments import checks_arguments
from lookalike.core.errors import ModelUnavailable
from lookalike.models.card import PREFIX, ModelCard
from lookalike.models.graph import OPSET, Graph
from lookalike.models.whole import has_sparse, read_whole
from lookalike.storage.output_file import OutputKind, check_output, inputs_are_precious, write_output

MODEL = OutputKind("a model", (".onnx",), (f"{PREFIX}dimension".encode(),))

_PREFIX = "brought/"
"""Before every name of the wrapped model, so that none meets ours."""


@checks_arguments()
def adapt(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    name: str,
    input_side: int,
    mean: Sequence[float],
    std: Sequence[float],
    scale: float = 1 / 255,
    version: str = "1",
    licence: str = "unknown",
    force: bool = False,
) -> Path:
    """Write a model file that resizes, normalises, runs the model at `source` and scales its vectors to length 1.

    Args:
        source: an ONNX file with one input, float32 (N, 3, side, side), RGB, and one output, float32 (N, D) or (N, D,
            1, 1).
        target: where to write the new file, ends in `.onnx`; an earlier model of ours there is replaced.
        name: of the model, for people.
        input_side: in pixels: the square that pictures are squeezed to.
        mean: three numbers, R, G, B: a channel enters the model as (x * scale - mean) / std.
        std: three numbers, likewise.
        scale: what pixels of 0..255 are multiplied by.
        version: for the card.
        licence: for the card, an SPDX identifier.
        force: replace whatever file is at `target`.
    Returns:
        the path of the new file; the id of the model is the file's SHA-256.
    Raises:
        ModelUnavailable: when the model cannot be read, lies in several files, cannot be brought to opset 18, or has
            other inputs and outputs.
        BadInput, WouldOverwrite, StorageFailed: when `target` cannot or must not be written, see `check_output`.
    """
    source, target = (Path(os.path.expanduser(os.fsdecode(path))) for path in (source, target))
    precious = inputs_are_precious([source], what="the model to wrap")
    check_output(target, kind=MODEL, precious=precious, force=force)
    try:
        model = _prepare(source)
        card = ModelCard(
            id="",
            name=name,
            version=version,
            precision="fp32",
            dimension=_dimension(model),
            input_side=input_side,
            licence=licence,
            source=source.name,
            made="A model of another tool with resizing, normalising and length 1 put around it.",
        )
        graph = Graph()
        _write_preprocessing(graph, model.graph.input[0].name, side=input_side, mean=mean, std=std, scale=scale)
        graph.include(model)
        graph.unit_rows(graph.node("Flatten", [model.graph.output[0].name], "vectors"))
        content = graph.file(name=name, dimension=card.dimension, metadata=card.metadata())
    except ModelUnavailable:
        raise
    except Exception as error:  # onnx raises nearly anything on files that are not what they say
        raise ModelUnavailable(
            f"the model {source} cannot be wrapped: {type(error).__name__}: {error}"
            "; export it anew from the tool that made it, or choose another model"
        ) from error
    write_output(target, content, kind=MODEL, precious=precious, force=force)
    return target


def _prepare(source: Path) -> onnx.ModelProto:
    """The model in an opset that has our operators, its names out of the way of ours."""
    model = read_whole(source.read_bytes(), where=str(source))
    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        raise ModelUnavailable(
            f"expected a model with one input and one output, got {len(model.graph.input)} and "
            f"{len(model.graph.output)}: {source}"
            "; cut it down to its picture and its vector before it is exported"
        )
    if all(entry.version < OPSET for entry in model.opset_import if entry.domain == ""):
        if lost := [name for name, there in _not_converted(model).items() if there]:
            raise ModelUnavailable(
                f"expected a model of opset {OPSET} or later, for ONNX's converter leaves out {' and '.join(lost)}, "
                f"which this one has: export it with opset {OPSET}: {source}"
            )
        model = version_converter.convert_version(model, OPSET)
    return compose.add_prefix(model, _PREFIX)


def _not_converted(model: onnx.ModelProto) -> dict[str, bool]:
    """What the version converter would lose or refuse, and whether it is there."""
    return {"functions": bool(model.functions), "sparse constants": has_sparse(model)}


def _write_preprocessing(
    graph: Graph, output: str, *, side: int, mean: Sequence[float], std: Sequence[float], scale: float
) -> None:
    """(x * scale - mean) / std, as one product and one sum."""
    pixels = graph.node("Transpose", [graph.resize_pixels(side=side)], "channels_first", perm=[0, 3, 1, 2])
    real = graph.node("Cast", [pixels], "real", to=TensorProto.FLOAT)
    spread = np.asarray(std, np.float64).reshape(1, 3, 1, 1)
    factor = graph.constant("factor", (scale / spread).astype(np.float32))
    offset = graph.constant("offset", (-np.asarray(mean, np.float64).reshape(1, 3, 1, 1) / spread).astype(np.float32))
    graph.node("Add", [graph.node("Mul", [real, factor], "scaled"), offset], output)


def _dimension(model: onnx.ModelProto) -> int:
    extents = [extent.dim_value for extent in model.graph.output[0].type.tensor_type.shape.dim]
    if len(extents) < 2 or extents[1] < 1 or any(extent != 1 for extent in extents[2:]):
        raise ModelUnavailable(
            f"expected an output of shape (N, D) or (N, D, 1, 1) with a fixed D, got {extents}"
            "; export it without its last layers, up to the vector"
        )
    return int(extents[1])
