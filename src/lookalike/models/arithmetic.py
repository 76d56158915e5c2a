"""How a network's numbers are computed: the promise, and plain float32."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lookalike.models.efficientnet_lite0 import PIXEL_MEAN, PIXEL_SCALE, Convolution
from lookalike.models.graph import Graph


class Arithmetic(Protocol):
    """Writes the steps of a network into a graph; takes and returns names of tensors."""

    precision: str

    def stem(self, graph: Graph, pixels: str, convolution: Convolution) -> str:
        """The first convolution: from uint8 (N, H, W, 3) to the network's own numbers, channels first."""
        ...

    def convolve(self, graph: Graph, inputs: str, convolution: Convolution) -> str:
        """A convolution, with ReLU6 where it has one."""
        ...

    def add(self, graph: Graph, left: str, right: str, *, name: str) -> str:
        """An elementwise sum."""
        ...


class Float32:
    """Everything in float32."""

    precision = "fp32"

    def stem(self, graph: Graph, pixels: str, convolution: Convolution) -> str:
        """One operator computes (x - 127) / 128, exactly; then the convolution."""
        scale, mean = (
            graph.constant("pixel_scale", np.float32(PIXEL_SCALE)),
            graph.constant("pixel_mean", np.uint8(PIXEL_MEAN)),
        )
        channels_first = graph.node("Transpose", [pixels], "channels_first", perm=[0, 3, 1, 2])
        return self.convolve(graph, graph.node("DequantizeLinear", [channels_first, scale, mean], "x"), convolution)

    def convolve(self, graph: Graph, inputs: str, convolution: Convolution) -> str:
        """Conv, then Clip where ReLU6 follows."""
        name = convolution.name
        weight = graph.constant(f"{name}_weight", convolution.weight)
        bias = graph.constant(f"{name}_bias", convolution.bias)
        if not convolution.relu6:
            return conv_node(graph, convolution, [inputs, weight, bias], name)
        linear = conv_node(graph, convolution, [inputs, weight, bias], f"{name}_linear")
        low, high = graph.constant(f"{name}_low", np.float32(0)), graph.constant(f"{name}_high", np.float32(6))
        return graph.node("Clip", [linear, low, high], name)

    def add(self, graph: Graph, left: str, right: str, *, name: str) -> str:
        """Add."""
        return graph.node("Add", [left, right], name)


def conv_node(graph: Graph, convolution: Convolution, inputs: list[str], output: str) -> str:
    """Add the Conv itself, with TensorFlow's SAME padding: where it is odd, the extra row is below and right."""
    kernel = convolution.weight.shape[2]
    return graph.node(
        "Conv",
        inputs,
        output,
        auto_pad="SAME_UPPER",
        group=convolution.groups,
        kernel_shape=[kernel, kernel],
        strides=[convolution.stride, convolution.stride],
    )
