"""A small quantised model with depthwise convolutions, for the browser's way of computing them.

python -m tests.golden.depthwise      writes web/tests/golden/depthwise.json anew
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from lookalike.models.efficientnet_lite0 import Convolution
from lookalike.models.graph import Graph
from lookalike.models.quantise import RELU6, Calibration, Int8

FILE = Path(__file__).parents[2] / "web" / "tests" / "golden" / "depthwise.json"
SIDE, WIDTH = 16, 8


class _Arithmetic(Int8):
    """Takes the pixels for levels that begin at 0."""

    def levels_of_pixels(self, graph: Graph) -> str:
        channels_first = graph.node("Transpose", [graph.resize_pixels(side=SIDE)], "channels_first", perm=[0, 3, 1, 2])
        return self._dequantise(graph, channels_first, RELU6, name="x")


def model() -> bytes:
    """Two depthwise convolutions between levels that begin at 0, and one whose input does not."""
    rng = np.random.default_rng(1)

    def convolution(
        name: str, inputs: int, outputs: int, kernel: int, *, groups: int = 1, relu6: bool = True
    ) -> Convolution:
        weight = rng.normal(0.05, 0.3, (outputs, inputs // groups, kernel, kernel)).astype(np.float32)
        bias = rng.normal(0.2, 0.3, outputs).astype(np.float32)
        return Convolution(name, weight, bias, stride=2 if kernel == 5 else 1, groups=groups, relu6=relu6)

    arithmetic = _Arithmetic(Calibration({"narrow": (-3.0, 4.0)}, {}))
    graph = Graph()
    x = arithmetic.convolve(graph, arithmetic.levels_of_pixels(graph), convolution("first", 3, 3, 3, groups=3))
    x = arithmetic.convolve(graph, x, convolution("wide", 3, WIDTH, 1))
    x = arithmetic.convolve(graph, x, convolution("second", WIDTH, WIDTH, 5, groups=WIDTH))
    x = arithmetic.convolve(graph, x, convolution("narrow", WIDTH, WIDTH, 1, relu6=False))
    x = arithmetic.convolve(graph, x, convolution("third", WIDTH, WIDTH, 3, groups=WIDTH))
    graph.unit_rows(graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "mean")], "vectors"))
    return graph.file(name="depthwise", dimension=WIDTH, metadata={})


if __name__ == "__main__":
    FILE.write_text(json.dumps({"side": SIDE, "model": base64.b64encode(model()).decode()}, indent=1) + "\n")
