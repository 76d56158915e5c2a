"""Static quantisation to 8 bits, written so that runtimes fuse it into integer convolutions.

Activations are uint8 with one scale a tensor; weights are int8 with one scale an output channel, no zero point, and
**7 bits**: -63..63. On x86 without VNNI (before 2019, and many laptops after) the usual kernels add two products of
uint8 and int8 in 16 bits, and 2 x 255 x 127 does not fit. With 8-bit weights such a machine silently gave
vectors at cosine 0.83 to 0.92 to the right ones; 2 x 255 x 63 fits, so that one file means the same on every machine
and in every runtime. What the eighth bit would have brought is mostly won back by two things:

- weights are rounded so that each channel's sum stays right (most of what a plain rounding spoils is the answer to an
  evenly lit surface, whose share is large since inputs after ReLU6 are never negative);
- the mean error that is left after a block, measured on photos, is taken off the biases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.models import wide_stem
from lookalike.models.arithmetic import conv_node
from lookalike.models.efficientnet_lite0 import INPUT_SIDE, PIXEL_MEAN, PIXEL_SCALE, Convolution
from lookalike.models.graph import Graph

LARGEST_WEIGHT = 63
"""In levels."""

_FINE = 2**20
"""What is lost by rounding is summed as whole numbers of this fineness: the order of a sum then changes nothing."""


class Levels(NamedTuple):
    """How 256 levels stand for real numbers: value = (level - zero) * scale."""

    scale: np.float32
    zero: np.uint8


PIXELS = Levels(np.float32(PIXEL_SCALE), np.uint8(PIXEL_MEAN))
"""A pixel already is an 8-bit number with a scale and a zero: it enters as it is, without loss."""

RELU6 = Levels(np.float32(6 / 255), np.uint8(0))
"""The levels end where ReLU6 does, so rounding to them is ReLU6."""


@dataclass(frozen=True)
class Calibration:
    """What was measured on photos, by `benchmarks/model_ranges/run.py`.

    Attributes:
        ranges: lowest and highest value of each tensor that has no ReLU6, by its name.
        bias_corrections: what to add to the biases, by the name of the convolution; one number an output channel.
    """

    ranges: Mapping[str, tuple[float, float]]
    bias_corrections: Mapping[str, tuple[float, ...]]


def read_calibration() -> Calibration:
    """The calibration that comes with the package."""
    text = resources.files("lookalike.models").joinpath("efficientnet_lite0_calibration.json").read_text("utf-8")
    facts = json.loads(text)
    return Calibration(
        ranges={name: (low, high) for name, (low, high) in facts["ranges"].items()},
        bias_corrections={name: tuple(values) for name, values in facts["bias_corrections"].items()},
    )


class QuantisedWeight(NamedTuple):
    """A weight in levels: weight is about levels * scales, channel by channel.

    Attributes:
        levels: shape (outputs, ...), the weight's, int8, -63..63.
        scales: shape (outputs,), float32, above 0.
    """

    levels: NDArray[np.int8]
    scales: NDArray[np.float32]


def quantise_weight(convolution: Convolution, *, input_scale: np.float32) -> QuantisedWeight:
    """Round a convolution's weight, keeping the sum of each output channel as near as whole levels allow.

    Args:
        convolution: with any weight; a channel may be all zeros.
        input_scale: of the tensor that it reads; the bias is kept in steps of `input_scale * scales`, in 32 bits.
    """
    peak = np.abs(convolution.weight).max(axis=(1, 2, 3)) / np.float32(LARGEST_WEIGHT)
    enough_for_bias = np.abs(convolution.bias) / (input_scale * np.float32(2**30))
    scales = np.maximum(peak, enough_for_bias)
    scales = np.where(scales > 0, scales, np.float32(1))
    exact = np.asarray(convolution.weight / scales[:, None, None, None], np.float32).reshape(len(scales), -1)
    return QuantisedWeight(_round_keeping_sums(exact).reshape(convolution.weight.shape), scales)


def _round_keeping_sums(exact: NDArray[np.float32]) -> NDArray[np.int8]:
    """Round to nearest, then move those nearest to the other side until the sum of each row is right, too."""
    nearest = np.rint(exact)
    lost = np.rint((exact - nearest) * np.float32(_FINE)).astype(np.int64)
    missing = (lost.sum(axis=1, keepdims=True) + _FINE // 2) // _FINE  # in levels, of either sign
    order = np.argsort(-lost * np.sign(missing), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return np.asarray(nearest + np.sign(missing) * (rank < np.abs(missing)), np.int8)


class Int8:
    """The arithmetic of the quantised model: QuantizeLinear and DequantizeLinear pairs around each step.

    Args:
        calibration: ranges for every tensor without ReLU6; bias corrections for as many convolutions as there are.
    """

    precision = "int8"

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._levels: dict[str, Levels] = {}

    def stem(self, graph: Graph, pixels: str, convolution: Convolution) -> str:
        """The same sums, four output columns at a time; see `lookalike.models.wide_stem`."""
        inputs = self._dequantise(graph, wide_stem.group_columns(graph, pixels, side=INPUT_SIDE), PIXELS, name="x")
        weight, bias = self._quantise_weight(convolution, input_scale=PIXELS.scale)
        wide = QuantisedWeight(wide_stem.widen(weight.levels), np.tile(weight.scales, wide_stem.COLUMNS))
        parts = self._parts(graph, inputs, convolution.name, wide, np.tile(bias, wide_stem.COLUMNS))
        exact = wide_stem.conv_node(graph, parts, f"{convolution.name}_exact")
        grouped = self._quantise(graph, exact, RELU6, name=convolution.name)
        columns = wide_stem.ungroup_columns(graph, grouped, channels=len(bias), side=INPUT_SIDE)
        return self._dequantise(graph, columns, RELU6, name=convolution.name)

    def convolve(self, graph: Graph, inputs: str, convolution: Convolution) -> str:
        """Conv between levels; ReLU6 is where the levels end."""
        name = convolution.name
        weight, bias = self._quantise_weight(convolution, input_scale=self._levels[inputs].scale)
        exact = conv_node(graph, convolution, self._parts(graph, inputs, name, weight, bias), f"{name}_exact")
        return self._requantise(graph, exact, RELU6 if convolution.relu6 else self._levels_of(name), name=name)

    def add(self, graph: Graph, left: str, right: str, *, name: str) -> str:
        """Add between levels."""
        exact = graph.node("Add", [left, right], f"{name}_exact")
        return self._requantise(graph, exact, self._levels_of(name), name=name)

    def _quantise_weight(
        self, convolution: Convolution, *, input_scale: np.float32
    ) -> tuple[QuantisedWeight, NDArray[np.int32]]:
        weight = quantise_weight(convolution, input_scale=input_scale)
        correction = np.asarray(self._calibration.bias_corrections.get(convolution.name, 0), np.float32)
        return weight, np.rint((convolution.bias + correction) / (weight.scales * input_scale)).astype(np.int32)

    def _parts(
        self, graph: Graph, inputs: str, name: str, weight: QuantisedWeight, bias: NDArray[np.int32]
    ) -> list[str]:
        """What a Conv reads: its input, its weight and its bias, the latter two dequantised from constants."""
        bias_scales = weight.scales * self._levels[inputs].scale
        return [
            inputs,
            _dequantise_channels(graph, f"{name}_weight", weight.levels, weight.scales),
            _dequantise_channels(graph, f"{name}_bias", bias, bias_scales),
        ]

    def _levels_of(self, name: str) -> Levels:
        low, high = self._calibration.ranges[name]
        scale = np.float32((high - low) / 255)
        return Levels(scale, np.uint8(round(-low / float(scale))))

    def _requantise(self, graph: Graph, exact: str, levels: Levels, *, name: str) -> str:
        return self._dequantise(graph, self._quantise(graph, exact, levels, name=name), levels, name=name)

    def _quantise(self, graph: Graph, exact: str, levels: Levels, *, name: str) -> str:
        scale, zero = graph.constant(f"{name}_to_scale", levels.scale), graph.constant(f"{name}_to_zero", levels.zero)
        return graph.node("QuantizeLinear", [exact, scale, zero], f"{name}_levels")

    def _dequantise(self, graph: Graph, quantised: str, levels: Levels, *, name: str) -> str:
        self._levels[name] = levels
        scale, zero = graph.constant(f"{name}_scale", levels.scale), graph.constant(f"{name}_zero", levels.zero)
        return graph.node("DequantizeLinear", [quantised, scale, zero], name)


def _dequantise_channels(graph: Graph, name: str, levels: NDArray[Any], scales: NDArray[np.float32]) -> str:
    constants = [
        graph.constant(f"{name}_levels", levels),
        graph.constant(f"{name}_scale", scales),
        graph.constant(f"{name}_zero", np.zeros(len(scales), levels.dtype)),
    ]
    return graph.node("DequantizeLinear", constants, name, axis=0)
