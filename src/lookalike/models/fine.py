"""A finer look with the same weights: the picture at two sizes, and its regions beside the whole.

What the network sees at each place of a picture is pooled over the whole and over regions of two sizes, by a
generalised mean, which stands between the mean and the maximum; each region counts the same, however much is in it. So
a thing that fills a part of the picture is not lost in the rest. The larger size shows small things, the smaller one
the whole.

Regions: Tolias, Sicre and Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR 2016.
The generalised mean: Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018. What
it gains is in `benchmarks/tiered`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.models.arithmetic import Float32
from lookalike.models.assemble import VERSION, card, trunk
from lookalike.models.efficientnet_lite0 import DIMENSION, Network
from lookalike.models.graph import Graph

NAME = "efficientnet-lite0-fine"

EXPONENT = 3
"""Of the generalised mean: 1 is the mean, infinity the maximum."""


class Regions(NamedTuple):
    """Squares of `kernel` places, `stride` apart: as many as fit."""

    kernel: int
    stride: int


class Size(NamedTuple):
    """A side in pixels that the picture is squeezed to, and the regions of its map, a 32nd of that wide."""

    side: int
    regions: tuple[Regions, ...]


LARGE = Size(384, (Regions(8, 4), Regions(6, 3)))
"""A map of 12 x 12: four regions of two thirds, nine of a half."""

SMALL = Size(224, (Regions(5, 2), Regions(3, 2)))
"""A map of 7 x 7: four regions of five places, nine of three."""


class _Look(Graph):
    """A part of a larger graph whose tensors have names of their own and whose weights are those of the other parts."""

    def __init__(self, whole: Graph, name: str, shared: set[str]) -> None:
        self._whole, self._name, self._shared = whole, name, shared

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return self._whole.node(operator, inputs, f"{self._name}/{output}", **attributes)

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        if name not in self._shared:
            self._shared.add(name)
            self._whole.constant(name, value)
        return name


def assemble_fine(network: Network) -> bytes:
    """Write the model file.

    Args:
        network: what is computed, at both sizes.
    Returns:
        the file, the same bytes on every machine.
    """
    graph, shared = Graph(), set[str]()
    large = graph.resize_pixels(side=LARGE.side)
    size = graph.constant("small_size", np.array([SMALL.side, SMALL.side], np.int64))
    small = graph.node("Resize", [large, "", "", size], "small", mode="linear", antialias=1, axes=[1, 2])
    vectors = [
        _vectors(_Look(graph, f"at{size.side}", shared), pixels, network, size.regions)
        for size, pixels in ((LARGE, large), (SMALL, small))
    ]
    graph.unit_rows(graph.node("Add", vectors, "vectors"))
    made = (
        "Classifier cut off, batch norms folded, resizing and normalising put inside, in float32, at "
        f"{LARGE.side} and {SMALL.side} pixels, pooled over regions."
    )
    facts = card(name=NAME, version=VERSION, precision="fp32", input_side=LARGE.side, made=made)
    return graph.file(name=NAME, dimension=DIMENSION, metadata=facts.metadata())


def _vectors(graph: _Look, pixels: str, network: Network, regions: tuple[Regions, ...]) -> str:
    """One vector of length 1 a picture: the sum of those of its regions."""
    cubes = graph.node("Pow", [trunk(graph, pixels, network, Float32()), _exponent(graph)], "powers")
    pooled = [graph.node("GlobalAveragePool", [cubes], "whole")]
    for kernel, stride in regions:
        shape = {"kernel_shape": [kernel, kernel], "strides": [stride, stride]}
        pooled.append(graph.node("AveragePool", [cubes], f"regions{kernel}", **shape))
    flat = graph.constant("regions_shape", np.array([0, 0, -1], np.int64))
    rows = [graph.node("Reshape", [one, flat], f"row{n}") for n, one in enumerate(pooled)]
    root = graph.constant("root", np.float32(1 / EXPONENT))
    means = graph.node("Pow", [graph.node("Concat", rows, "rows", axis=2), root], "means")
    # units[n, d, r]: of length 1 over d; picture n, region r
    units = graph.node("LpNormalization", [means], "units", axis=1, p=2)
    summed = graph.node("ReduceSum", [units, graph.constant("region_axis", np.array([2], np.int64))], "sum", keepdims=0)
    return graph.node("LpNormalization", [summed], "vector", axis=1, p=2)


def _exponent(graph: _Look) -> str:
    return graph.constant("exponent", np.float32(EXPONENT))
