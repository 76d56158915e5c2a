"""How a network's numbers are computed: plainly in float32, or in 8 bits with scales fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.models.efficientnet_lite0 import PIXEL_MEAN, PIXEL_SCALE, Convolution
from lookalike.models.graph import Graph


class Arithmetic(Protocol):
    """Writes the steps of a network into a graph; takes and returns names of tensors."""

    precision: str

    def enter(self, graph: Graph, pixels: str) -> str:
        """From uint8 (N, 3, H, W) to the network's own numbers."""
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

    def enter(self, graph: Graph, pixels: str) -> str:
        """One operator computes (x - 127) / 128, exactly."""
        return _dequantise(graph, pixels, PIXELS, name="normalised")

    def convolve(self, graph: Graph, inputs: str, convolution: Convolution) -> str:
        """Conv, then Clip where ReLU6 follows."""
        name = convolution.name
        weight = graph.constant(f"{name}_weight", convolution.weight)
        bias = graph.constant(f"{name}_bias", convolution.bias)
        if not convolution.relu6:
            return _conv(graph, convolution, [inputs, weight, bias], name)
        low, high = graph.constant(f"{name}_low", np.float32(0)), graph.constant(f"{name}_high", np.float32(6))
        return graph.node(
            "Clip", [_conv(graph, convolution, [inputs, weight, bias], f"{name}_linear"), low, high], name
        )

    def add(self, graph: Graph, left: str, right: str, *, name: str) -> str:
        """Add."""
        return graph.node("Add", [left, right], name)


class Levels(NamedTuple):
    """How 256 levels stand for real numbers: value = (level - zero) * scale."""

    scale: np.float32
    zero: np.uint8


PIXELS = Levels(np.float32(PIXEL_SCALE), np.uint8(PIXEL_MEAN))
"""A pixel already is an 8-bit number with a scale and a zero: it enters as it is, without loss."""

RELU6 = Levels(np.float32(6 / 255), np.uint8(0))
"""The levels end where ReLU6 does, so rounding to them is ReLU6."""


class Int8:
    """Static quantisation, written as QuantizeLinear and DequantizeLinear pairs which runtimes fuse.

    Activations are uint8 with one scale a tensor, weights int8 with one scale an output channel and no zero point.

    Args:
        ranges: lowest and highest value of each tensor that has no ReLU6, by name.
    """

    precision = "int8"

    def __init__(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        self._ranges = ranges
        self._levels: dict[str, Levels] = {}

    def enter(self, graph: Graph, pixels: str) -> str:
        """The pixels' own levels."""
        self._levels["normalised"] = PIXELS
        return _dequantise(graph, pixels, PIXELS, name="normalised")

    def convolve(self, graph: Graph, inputs: str, convolution: Convolution) -> str:
        """Conv between levels; ReLU6 is where the levels end."""
        name = convolution.name
        input_scale = self._levels[inputs].scale
        scales = _weight_scales(convolution, input_scale)
        weight = np.rint(convolution.weight / scales[:, None, None, None]).astype(np.int8)
        bias_scales = scales * input_scale
        bias = np.rint(convolution.bias / bias_scales).astype(np.int32)
        parts = [
            inputs,
            _dequantise_channels(graph, f"{name}_weight", weight, scales),
            _dequantise_channels(graph, f"{name}_bias", bias, bias_scales),
        ]
        return self._requantise(graph, _conv(graph, convolution, parts, f"{name}_exact"), name, relu6=convolution.relu6)

    def add(self, graph: Graph, left: str, right: str, *, name: str) -> str:
        """Add between levels."""
        return self._requantise(graph, graph.node("Add", [left, right], f"{name}_exact"), name, relu6=False)

    def _requantise(self, graph: Graph, exact: str, name: str, *, relu6: bool) -> str:
        levels = RELU6 if relu6 else _levels_of(*self._ranges[name])
        self._levels[name] = levels
        scale, zero = graph.constant(f"{name}_scale", levels.scale), graph.constant(f"{name}_zero", levels.zero)
        quantised = graph.node("QuantizeLinear", [exact, scale, zero], f"{name}_levels")
        return graph.node("DequantizeLinear", [quantised, scale, zero], name)


def _levels_of(low: float, high: float) -> Levels:
    scale = np.float32((high - low) / 255)
    return Levels(scale, np.uint8(round(-low / float(scale))))


def _weight_scales(convolution: Convolution, input_scale: np.float32) -> NDArray[np.float32]:
    """Per output channel: the largest weight becomes 127, unless the bias would then not fit into 32 bits."""
    peak = np.abs(convolution.weight).max(axis=(1, 2, 3)) / np.float32(127)
    enough_for_bias = np.abs(convolution.bias) / (input_scale * np.float32(2**30))
    scales = np.maximum(peak, enough_for_bias)
    return np.where(scales > 0, scales, np.float32(1))


def _dequantise(graph: Graph, tensor: str, levels: Levels, *, name: str) -> str:
    scale, zero = graph.constant(f"{name}_scale", levels.scale), graph.constant(f"{name}_zero", levels.zero)
    return graph.node("DequantizeLinear", [tensor, scale, zero], name)


def _dequantise_channels(graph: Graph, name: str, levels: NDArray[Any], scales: NDArray[np.float32]) -> str:
    constants = [
        graph.constant(f"{name}_levels", levels),
        graph.constant(f"{name}_scale", scales),
        graph.constant(f"{name}_zero", np.zeros(len(scales), levels.dtype)),
    ]
    return graph.node("DequantizeLinear", constants, name, axis=0)


def _conv(graph: Graph, convolution: Convolution, inputs: list[str], output: str) -> str:
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
